#include "pipeline/routing/k8s_resolver.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/kubernetes/api_simulator.h"
#include "tests/unit/pipeline/routing/endpoint_log.h"

namespace kernspan {
namespace {

using nlohmann::json;
using ::testing::HasSubstr;

constexpr char kSlices[] = "/apis/discovery.k8s.io/v1/namespaces/tracing/endpointslices";

struct TestEndpoint {
  std::string address;
  bool is_ready = true;
  std::string hostname = {};
};

// As `kubectl get endpointslice -o json` shows one.
json slice(const std::string& name, const std::vector<TestEndpoint>& endpoints) {
  json listed = json::array();
  for (const TestEndpoint& endpoint : endpoints) {
    json one = {
        {"addresses", {endpoint.address}},
        {"conditions",
         {{"ready", endpoint.is_ready}, {"serving", endpoint.is_ready}, {"terminating", false}}},
        {"nodeName", "node-1"},
        {"targetRef", {{"kind", "Pod"}, {"name", "gateway-0"}, {"namespace", "tracing"}}}};
    if (!endpoint.hostname.empty()) one["hostname"] = endpoint.hostname;
    listed.push_back(one);
  }
  return {{"addressType", "IPv4"},
          {"apiVersion", "discovery.k8s.io/v1"},
          {"kind", "EndpointSlice"},
          {"metadata",
           {{"name", name},
            {"namespace", "tracing"},
            {"labels", {{"kubernetes.io/service-name", "gateway"}}}}},
          {"endpoints", listed},
          {"ports", {{{"name", "otlp"}, {"port", 4317}, {"protocol", "TCP"}}}}};
}

class K8sResolverTest : public ::testing::Test {
 protected:
  void start(K8sResolverSettings settings) {
    if (settings.service.empty()) settings.service = "gateway";
    settings.timeout = kPatience;
    resolver_ = std::make_unique<K8sResolver>(
        settings,
        ResolverContext{
            .path = "exporters::lb", .metrics = stage_.metrics, .labels = {{"exporter", "lb"}}},
        kube::AccessSources{.root = "/nonexistent", .environment = [this](const std::string& name) {
                              return name == "KUBECONFIG" ? std::optional(api_.kubeconfig())
                                                          : std::nullopt;
                            }});
    const Status started = resolver_->start(log_.listener());
    ASSERT_TRUE(started) << started.error().message;
  }

  KubeApiSimulator api_;
  ComponentStage stage_{"lb"};
  EndpointLog log_;
  std::unique_ptr<K8sResolver> resolver_;
};

TEST_F(K8sResolverTest, FollowsTheReadyEndpointsOfAllSlices) {
  api_.put(kSlices, slice("gateway-a", {{"10.0.0.1"}, {"10.0.0.2", false}}));
  api_.put(kSlices, slice("gateway-b", {{"10.0.0.3"}}));
  start({});
  ASSERT_TRUE(log_.wait_for({"10.0.0.1", "10.0.0.3"}));
  api_.put(kSlices, slice("gateway-a", {{"10.0.0.1", false}, {"10.0.0.2"}}));
  ASSERT_TRUE(log_.wait_for({"10.0.0.2", "10.0.0.3"}));
  api_.remove(kSlices, "gateway-b");
  ASSERT_TRUE(log_.wait_for({"10.0.0.2"}));
  api_.remove(kSlices, "gateway-a");
  ASSERT_TRUE(log_.wait_for({}));
  EXPECT_TRUE(api_.wait_for_requests("labelSelector=kubernetes.io%2Fservice-name%3Dgateway", 2));
  resolver_->stop();
}

TEST_F(K8sResolverTest, EachPortIsAnEndpoint) {
  api_.put(kSlices, slice("gateway-a", {{"10.0.0.1"}, {"fd00::1"}}));
  start({.service = "", .service_namespace = "", .ports = {4317, 5317}});
  EXPECT_TRUE(
      log_.wait_for({"10.0.0.1:4317", "10.0.0.1:5317", "[fd00::1]:4317", "[fd00::1]:5317"}));
}

TEST_F(K8sResolverTest, ReturnsHostnamesOfAStatefulSet) {
  api_.put(kSlices, slice("gateway-a", {{"10.0.0.1", true, "gateway-0"}, {"10.0.0.2"}}));
  start({.service = "", .service_namespace = "", .ports = {4317}, .return_hostnames = true});
  EXPECT_TRUE(log_.wait_for({"gateway-0.gateway.tracing:4317"}));
  EXPECT_TRUE(wait_for_metric(stage_, "otelcol_loadbalancer_num_resolutions",
                              {{"exporter", "lb"}, {"resolver", "k8s"}, {"success", "false"}}, 1));
}

TEST_F(K8sResolverTest, AServerThatFailsLeavesTheSetAsItIs) {
  api_.put(kSlices, slice("gateway-a", {{"10.0.0.1"}}));
  start({});
  ASSERT_TRUE(log_.wait_for({"10.0.0.1"}));
  api_.fail_next(1, 500);
  api_.forget_history(true);
  EXPECT_TRUE(wait_for_metric(stage_, "otelcol_loadbalancer_num_resolutions",
                              {{"exporter", "lb"}, {"resolver", "k8s"}, {"success", "false"}}, 1));
  api_.put(kSlices, slice("gateway-a", {{"10.0.0.2"}}));
  EXPECT_TRUE(log_.wait_for({"10.0.0.2"}));
  EXPECT_EQ(log_.sets().size(), 2u);
}

TEST(K8sResolver, SaysWhenItIsNotInAPod) {
  ComponentStage stage{"lb"};
  K8sResolver resolver(
      {.service = "gateway", .service_namespace = ""},
      {.path = "exporters::lb", .metrics = stage.metrics, .labels = {}},
      {.root = "/nonexistent", .environment = [](const std::string&) { return std::nullopt; }});
  const Status started = resolver.start([](const auto&) {});
  ASSERT_FALSE(started);
  EXPECT_THAT(started.error().message, HasSubstr("not a pod"));
}

}  // namespace
}  // namespace kernspan
