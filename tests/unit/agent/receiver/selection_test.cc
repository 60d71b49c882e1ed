// Selectors at work: what is not written, what hangs where then, and how many each span stands for.
#include <cmath>

#include "pipeline/processors/probabilistic_sampler/trace_state.h"
#include "tests/unit/agent/receiver/tracer_fixture.h"

namespace kernspan {
namespace {

constexpr std::string_view kGet = "GET /cart HTTP/1.1\r\nHost: shop.example\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";

class SelectionTest : public TracerTest {
 protected:
  static SelectorRule on_port(std::uint16_t port, SelectorAction action) {
    SelectorRule rule;
    rule.match.ports = {{port, port}};
    rule.action = action;
    return rule;
  }
  static SelectorRule sampled(double ratio) {
    SelectorRule rule;
    rule.sampling = *Threshold::of_probability(ratio, 4);
    return rule;
  }
  static std::shared_ptr<const Selectors> rules(std::vector<SelectorRule> list) {
    return std::make_shared<const Selectors>(SpanOptions(), std::move(list));
  }
  void select(std::vector<SelectorRule> list) {
    TracerSettings settings;
    settings.selectors = rules(std::move(list));
    remake(std::move(settings));
  }
  void serve(std::uint16_t port, std::string_view request = kGet) {
    auto [client, server] = story_->connect_pair(port);
    story_->recv(server, kServerThread, request);
    story_->send(server, kServerThread, kOk);
  }
  // A chain: a client calls `front`, whose handler calls `back`; both ends are seen of each.
  void chain(std::uint16_t front, std::uint16_t back) {
    const StoryThread third{.tgid = 900003, .tid = 900003};
    auto [client, server] = story_->connect_pair(front);
    auto [onward_client, onward_server] = story_->connect_pair(back);
    story_->send(client, kClientThread, kGet);
    story_->recv(server, kServerThread, kGet);
    story_->connect(onward_client, kServerThread);
    story_->send(onward_client, kServerThread, kGet);
    story_->recv(onward_server, third, kGet);
    story_->send(onward_server, third, kOk);
    story_->recv(onward_client, kServerThread, kOk);
    story_->send(server, kServerThread, kOk);
    story_->recv(client, kClientThread, kOk);
  }
};

TEST_F(SelectionTest, PortsDecideWhatIsWrittenAndTheRestIsCounted) {
  select({on_port(9090, SelectorAction::kIgnore)});
  serve(9090);
  serve(8080);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("server.port"), "8080");
  EXPECT_EQ(tracer_->counters().ignored_exchanges, 1u);
  EXPECT_EQ(tracer_->held(), 0u);
  EXPECT_TRUE(ignored_.empty()) << "another port of it is traced";
}

TEST_F(SelectionTest, WhatAnIgnoredExchangeCausesHangsBelowItsParent) {
  select({on_port(9090, SelectorAction::kIgnore)});
  chain(8080, 9090);
  EXPECT_EQ(spans_after_wait().size(), 2u);
  chain(9090, 8080);
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 2u);
  const SpanRecord& client = all[0].kind == 3 ? all[0] : all[1];
  const SpanRecord& server = all[0].kind == 3 ? all[1] : all[0];
  EXPECT_FALSE(client.parent_span_id.is_valid()) << "its parents are not written: it is the root";
  EXPECT_EQ(client.attribute("kernspan.link.evidence"), "");
  EXPECT_EQ(server.parent_span_id, client.span_id);
  EXPECT_EQ(server.trace_id, client.trace_id);
}

TEST_F(SelectionTest, AProcessThatIsIgnoredStaysInTheKernelUntilTheRulesChange) {
  SelectorRule none;
  none.action = SelectorAction::kIgnore;
  select({none});
  serve(8080);
  EXPECT_TRUE(spans_after_wait().empty());
  EXPECT_TRUE(ignored_.at(kServerThread.tgid));

  tracer_->change_selectors(rules({}));
  EXPECT_FALSE(ignored_.at(kServerThread.tgid));
  EXPECT_EQ(tracer_->counters().reselected_processes, 1u);
  serve(8080);
  EXPECT_EQ(spans_after_wait().size(), 1u);

  serve(8080);
  tracer_->change_selectors(rules({none}));
  EXPECT_TRUE(ignored_.at(kServerThread.tgid));
  EXPECT_TRUE(spans_after_wait().empty()) << "what is not written yet follows the new rules";
}

TEST_F(SelectionTest, ChangedPodsChangeWhatIsTraced) {
  auto pod = std::make_shared<kube::Pod>();
  pod->annotations = {{"kernspan.io/trace", "false"}};
  kube::PodPtr known = pod;
  TracerSettings settings;
  settings.find_pod = [&known](const process::ProcessInfo&) { return ProcessPod{.pod = known}; };
  remake(std::move(settings));
  serve(8080);
  EXPECT_TRUE(spans_after_wait().empty());
  EXPECT_TRUE(ignored_.at(kServerThread.tgid));
  known = std::make_shared<kube::Pod>();
  tracer_->pods_changed();
  EXPECT_FALSE(ignored_.at(kServerThread.tgid));
  serve(8080);
  EXPECT_EQ(spans_after_wait().size(), 1u);
}

TEST_F(SelectionTest, APendingPodIsCapturedAndTheRuleDecidesWhenTheSpanIsWritten) {
  ProcessPod found{.is_pending = true};
  SelectorRule quiet;
  quiet.match.namespaces = {"quiet"};
  quiet.action = SelectorAction::kIgnore;
  TracerSettings settings;
  settings.selectors = rules({quiet});
  settings.find_pod = [&found](const process::ProcessInfo&) { return found; };
  remake(std::move(settings));
  serve(8080);
  auto pod = std::make_shared<kube::Pod>();
  pod->namespace_name = "quiet";
  found = {.pod = pod};
  EXPECT_TRUE(spans_after_wait().empty());
  EXPECT_EQ(tracer_->counters().ignored_exchanges, 1u);
}

TEST_F(SelectionTest, SampledTracesAreWholeConsistentAndSayWhatTheyStandFor) {
  select({sampled(0.25)});
  std::uint64_t state = 88172645463325252;
  constexpr int kTraces = 2000;
  std::map<std::string, int> spans_of;
  for (int i = 0; i < kTraces; ++i) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    next_id_ = state;
    chain(8080, 8081);
    for (const SpanRecord& span : spans_after_wait()) {
      ++spans_of[span.trace_id.hex()];
      EXPECT_EQ(span.trace_state, "ot=th:c");
      EXPECT_EQ(span.attribute("sampling.adjusted_count"), "4");
      EXPECT_TRUE(Threshold::parse("c")->keeps(Randomness::of(span.trace_id)));
    }
  }
  for (const auto& [id, spans] : spans_of) EXPECT_EQ(spans, 4) << "a trace is whole";
  // Four standard deviations of a binomial distribution.
  EXPECT_NEAR(static_cast<double>(spans_of.size()), 0.25 * kTraces,
              4 * std::sqrt(0.1875 * kTraces));
  EXPECT_EQ(tracer_->counters().spans + tracer_->counters().sampled_out_exchanges, 4u * kTraces);
  EXPECT_EQ(tracer_->held(), 0u);
}

TEST_F(SelectionTest, ADerivedTraceCarriesWhatItWasDecidedBy) {
  select({sampled(0.5)});
  for (int i = 0; i < 64; ++i) serve(8080);
  const auto all = spans_after_wait();
  ASSERT_FALSE(all.empty());
  ASSERT_LT(all.size(), 64u);
  for (const SpanRecord& span : all) {
    ASSERT_EQ(span.attribute("kernspan.stitch.derived"), "true");
    const auto parsed = TraceState::parse(span.trace_state);
    ASSERT_TRUE(parsed) << span.trace_state;
    EXPECT_EQ(parsed->randomness()->bits, Randomness::of(span.trace_id).bits);
    EXPECT_EQ(parsed->threshold(), Threshold::parse("8"));
  }
}

TEST_F(SelectionTest, ATraceThatBeganElsewhereFollowsItsHeader) {
  select({sampled(0.000001)});
  const auto request = [](std::string_view flags) {
    return "GET / HTTP/1.1\r\nHost: a\r\ntraceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-"
           "00f067aa0ba902b7-" +
           std::string(flags) + "\r\ntracestate: ot=th:8\r\n\r\n";
  };
  serve(8080, request("01"));
  serve(8080, request("00"));
  const auto all = spans_after_wait();
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].trace_state, "ot=th:8");
  EXPECT_EQ(all[0].attribute("sampling.adjusted_count"), "");
  EXPECT_EQ(tracer_->counters().sampled_out_exchanges, 1u);
}

}  // namespace
}  // namespace kernspan
