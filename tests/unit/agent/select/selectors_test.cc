#include "agent/select/selectors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kernspan {
namespace {

using testing::ElementsAre;

SelectorRule rule(std::string name, SelectorMatch match,
                  SelectorAction action = SelectorAction::kTrace) {
  return {.name = std::move(name), .match = std::move(match), .action = action, .spans = {}};
}

kube::Pod cart() {
  kube::Pod pod;
  pod.name = "cart-7d9f-abcde";
  pod.namespace_name = "shop";
  pod.owner = {.kind = "ReplicaSet", .name = "cart-7d9f"};
  pod.top_owner = {.kind = "Deployment", .name = "cart"};
  pod.labels = {{"app", "cart"}, {"tier", "backend"}};
  pod.annotations = {{"team", "blue"}};
  pod.containers = {{.name = "main", .image_name = "registry.example/cart", .image_tags = {"1.2"}},
                    {.name = "proxy", .image_name = "envoyproxy/envoy"}};
  return pod;
}

class SelectorsTest : public testing::Test {
 protected:
  // The name of the rule for an exchange of the pod's first container.
  std::string chosen(std::vector<SelectorRule> rules, std::uint16_t port = 80) {
    return choose(std::move(rules), &pod_, port);
  }
  std::string outside(std::vector<SelectorRule> rules, std::uint16_t port = 80) {
    return choose(std::move(rules), nullptr, port);
  }
  std::string choose(std::vector<SelectorRule> rules, const kube::Pod* pod, std::uint16_t port) {
    const Selectors selectors({}, std::move(rules));
    return selectors.select(subject(pod)).rule_for(port).name;
  }
  SelectorSubject subject(const kube::Pod* pod) {
    return {.executable_name = "python3",
            .executable_path = "/usr/bin/python3",
            .container = container_,
            .pod = pod,
            .pod_container = pod ? &pod->containers[0] : nullptr};
  }

  kube::Pod pod_ = cart();
  kube::ContainerRef container_;
};

TEST_F(SelectorsTest, TheFirstThatFitsCounts) {
  EXPECT_EQ(chosen({}), "default");
  EXPECT_EQ(chosen({rule("a", {.executables = {"nginx"}}), rule("b", {}), rule("c", {})}), "b");
  EXPECT_EQ(chosen({rule("a", {.executables = {"nginx"}})}), "default");
}

TEST_F(SelectorsTest, EveryCriterionMustHoldAndOneOfEachList) {
  EXPECT_EQ(chosen({rule("a", {.executables = {"nginx", "python*"}, .namespaces = {"shop"}})}),
            "a");
  EXPECT_EQ(chosen({rule("a", {.executables = {"python*"}, .namespaces = {"other"}})}), "default");
}

TEST_F(SelectorsTest, PodsAreToldByAllThatTheyAre) {
  const std::vector<SelectorMatch> fitting{
      {.namespaces = {"sh*"}},
      {.pods = {"cart-*"}},
      {.deployments = {"cart"}},
      {.owners = {"cart"}},
      {.owners = {"Deployment/c*"}},
      {.owners = {"ReplicaSet/cart-7d9f"}},
      {.containers = {"main"}},
      {.images = {"*/cart"}},
      {.images = {"registry.example/cart:1.*"}},
      {.labels = {{"app", "cart"}, {"tier", "back*"}}},
      {.annotations = {{"team", "*"}}},
  };
  for (std::size_t i = 0; i < fitting.size(); ++i) {
    EXPECT_EQ(chosen({rule("a", fitting[i])}), "a") << i;
    EXPECT_EQ(outside({rule("a", fitting[i])}), "default") << i;
  }
  const std::vector<SelectorMatch> others{
      {.namespaces = {"SHOP"}},       {.deployments = {"cart-7d9f"}},
      {.owners = {"DaemonSet/cart"}}, {.containers = {"proxy"}},
      {.images = {"envoyproxy/*"}},   {.labels = {{"app", "cart"}, {"tier", "front"}}},
      {.labels = {{"absent", "*"}}},  {.annotations = {{"team", "red"}}},
  };
  for (std::size_t i = 0; i < others.size(); ++i) {
    EXPECT_EQ(chosen({rule("a", others[i])}), "default") << i;
  }
}

TEST_F(SelectorsTest, PathsAreAskedForByPatternsWithASlash) {
  EXPECT_EQ(chosen({rule("a", {.executables = {"/usr/bin/*"}})}), "a");
  EXPECT_EQ(chosen({rule("a", {.executables = {"/opt/*"}})}), "default");
}

TEST_F(SelectorsTest, InAPodOrNot) {
  EXPECT_EQ(chosen({rule("a", {.in_pod = true})}), "a");
  EXPECT_EQ(chosen({rule("a", {.in_pod = false})}), "default");
  EXPECT_EQ(outside({rule("a", {.in_pod = false})}), "a");
  container_.container_id = "0123";
  EXPECT_EQ(outside({rule("a", {.in_pod = false})}), "a") << "a container of nobody's pod";
  container_.pod_uid = "550e8400-e29b-41d4-a716-446655440000";
  EXPECT_EQ(outside({rule("a", {.in_pod = true})}), "a") << "a pod that is not known";
}

TEST_F(SelectorsTest, PortsChooseAmongTheRulesThatFitTheProcess) {
  const auto rules = [] {
    return std::vector{rule("metrics", {.ports = {{9090, 9099}}}, SelectorAction::kIgnore),
                       rule("nginx", {.executables = {"nginx"}, .ports = {{80, 80}}}),
                       rule("web", {.ports = {{80, 80}, {443, 443}}}),
                       rule("rest", {}, SelectorAction::kIgnore)};
  };
  EXPECT_EQ(chosen(rules(), 9095), "metrics");
  EXPECT_EQ(chosen(rules(), 443), "web");
  EXPECT_EQ(chosen(rules(), 80), "web");
  EXPECT_EQ(chosen(rules(), 9100), "rest");
  const Selectors selectors({}, rules());
  const Selection selection = selectors.select(subject(&pod_));
  EXPECT_TRUE(selection.traces(80));
  EXPECT_FALSE(selection.traces(9100));
  EXPECT_FALSE(selection.ignores_all()) << "a port is traced";
}

TEST_F(SelectorsTest, AProcessIsIgnoredAsAWholeOnlyWhereNoPortIsTraced) {
  const Selectors selectors({}, {rule("m", {.ports = {{9090, 9090}}}, SelectorAction::kIgnore),
                                 rule("all", {}, SelectorAction::kIgnore)});
  EXPECT_TRUE(selectors.select(subject(&pod_)).ignores_all());
}

TEST_F(SelectorsTest, TheAnnotationComesBeforeTheRules) {
  const Selectors ignoring({}, {rule("none", {}, SelectorAction::kIgnore)});
  pod_.annotations = {{"kernspan.io/trace", "true"}};
  EXPECT_TRUE(ignoring.select(subject(&pod_)).traces(80));
  EXPECT_FALSE(ignoring.select(subject(&pod_)).ignores_all());
  pod_.annotations = {{"kernspan.io/trace", "yes"}};
  EXPECT_FALSE(ignoring.select(subject(&pod_)).traces(80)) << "no word that is known";

  const Selectors tracing({}, {rule("all", {})});
  pod_.annotations = {{"kernspan.io/trace", "false"}};
  EXPECT_TRUE(tracing.select(subject(&pod_)).ignores_all());
}

TEST_F(SelectorsTest, WhileThePodIsPendingNothingIsIgnored) {
  const Selectors selectors({}, {rule("none", {}, SelectorAction::kIgnore)});
  SelectorSubject pending = subject(nullptr);
  pending.is_pod_pending = true;
  EXPECT_TRUE(selectors.select(pending).is_pending());
  EXPECT_FALSE(selectors.select(pending).ignores_all()) << "its annotation may say \"true\"";
  EXPECT_TRUE(selectors.select(subject(nullptr)).ignores_all());
}

TEST_F(SelectorsTest, ConnectionsCaptureWhatAnyRuleShows) {
  SelectorRule first = rule("a", {.annotations = {{"team", "blue"}}});
  first.spans.request_headers = HeaderNames({"X-A", "x-b"});
  SelectorRule second = rule("b", {});
  second.spans.response_headers = HeaderNames({"x-c"});
  SpanOptions defaults;
  defaults.request_headers = HeaderNames({"x-b", "x-d"});
  const Selectors selectors(defaults, {first, second});
  EXPECT_THAT(selectors.headers().request.names(), ElementsAre("x-a", "x-b", "x-d"));
  EXPECT_THAT(selectors.headers().response.names(), ElementsAre("x-c"));
  EXPECT_THAT(selectors.annotation_keys(), ElementsAre("team"));
}

}  // namespace
}  // namespace kernspan
