#include "pipeline/exporters/load_balancing/load_balancing_exporter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>

#include "pipeline/routing/hash_ring.h"
#include "tests/unit/pipeline/dns_responder.h"
#include "tests/unit/pipeline/free_port.h"
#include "tests/unit/pipeline/otlp/reference_request.h"
#include "tests/unit/pipeline/otlp_peers.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;

constexpr char kFast[] = "retry_on_failure: {initial_interval: 5ms, max_interval: 20ms}";

// A span each of so many traces.
std::string traces(int count, int seed) {
  std::mt19937_64 random(static_cast<std::uint64_t>(seed));
  otlp::ReferenceRequest request;
  auto* spans = request.add_resource_spans()->add_scope_spans()->mutable_spans();
  for (int i = 0; i < count; ++i) {
    std::string id(16, '\0');
    for (char& c : id) c = static_cast<char>(random());
    auto* span = spans->Add();
    span->set_trace_id(id);
    span->set_span_id(fmt::format("{:08}", i));
    span->set_name("span");
  }
  return request.SerializeAsString();
}

std::multiset<std::string> trace_ids(const std::string& bytes) {
  otlp::ReferenceRequest request;
  EXPECT_TRUE(request.ParseFromString(bytes));
  std::multiset<std::string> ids;
  for (const auto& resource : request.resource_spans()) {
    for (const auto& scope : resource.scope_spans()) {
      for (const auto& span : scope.spans()) ids.insert(span.trace_id());
    }
  }
  return ids;
}

class LoadBalancing : public ::testing::Test {
 protected:
  ~LoadBalancing() override {
    if (exporter_ != nullptr) stop();
  }

  // What is wrong with the settings; empty when nothing is.
  std::string create(const std::string& yaml) {
    auto made =
        load_balancing_exporter_factory().create(ComponentStage::yaml(yaml), stage_.context());
    if (!made) return made.error().message;
    exporter_ = std::move(*made);
    return "";
  }
  void start(const std::string& resolver, const std::string& otlp = kFast,
             const std::string& more = "") {
    ASSERT_EQ(create(fmt::format("resolver: {}\nprotocol:\n  otlp:\n    tls: {{insecure: true}}\n"
                                 "    {}\n{}\n",
                                 resolver, otlp, more)),
              "");
    const Status started = exporter_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  Status send(const std::string& request) {
    auto batch = otlp::Batch::from_wire(request);
    EXPECT_TRUE(batch);
    sent_.merge(trace_ids(request));
    return exporter_->consume(std::move(*batch));
  }
  // Until the resolver has answered.
  void send_when_possible(const std::string& request) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (true) {
      auto batch = otlp::Batch::from_wire(request);
      if (exporter_->consume(std::move(*batch))) break;
      ASSERT_LT(std::chrono::steady_clock::now(), deadline);
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    sent_.merge(trace_ids(request));
  }
  void stop() { exporter_->stop(std::chrono::steady_clock::now() + kPatience); }

  StageBalance balance() const { return stage_.books.balance(); }
  std::uint64_t dropped(const std::string& reason) { return stage_.books.dropped(reason).value(); }
  double rerouted() const {
    return stage_.metric("kernspan_loadbalancer_rerouted_spans", {{"exporter", "lb"}});
  }

  static std::string static_resolver(const std::vector<std::string>& endpoints) {
    return fmt::format("{{static: {{hostnames: ['{}']}}}}", fmt::join(endpoints, "', '"));
  }

  ComponentStage stage_{"lb"};
  std::unique_ptr<Exporter> exporter_;
  std::multiset<std::string> sent_;  // trace ids of the spans
};

TEST_F(LoadBalancing, EachTraceGoesToItsOwnerInOneRequestPerBackend) {
  std::map<std::string, std::unique_ptr<ReceivingPeer>> peers;
  std::vector<std::string> endpoints;
  for (int i = 0; i < 3; ++i) {
    auto peer = std::make_unique<ReceivingPeer>();
    endpoints.push_back(peer->endpoint());
    peers[peer->endpoint()] = std::move(peer);
  }
  start(static_resolver(endpoints));
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send(traces(300, i)));
  stop();
  std::ranges::sort(endpoints);
  const HashRing ring(endpoints);
  std::multiset<std::string> received;
  for (std::size_t i = 0; i < endpoints.size(); ++i) {
    RememberingConsumer& consumer = peers[endpoints[i]]->consumer;
    for (const std::string& id : trace_ids(consumer.bytes())) {
      EXPECT_EQ(ring.owner(id), i);
      received.insert(id);
    }
    EXPECT_EQ(consumer.sizes().size(), 5u);
  }
  EXPECT_EQ(received, sent_);
  EXPECT_EQ(balance().taken, 1500u);
  EXPECT_EQ(balance().passed_on, 1500u);
  EXPECT_TRUE(balance().balances());
}

TEST_F(LoadBalancing, ShowsItsBackendsAndHowTheyDo) {
  ReceivingPeer peer;
  const std::string gone = "127.0.0.1:" + std::to_string(free_port());
  start(static_resolver({peer.endpoint(), gone}));
  ASSERT_TRUE(send(traces(100, 1)));
  ASSERT_TRUE(peer.consumer.wait_for_calls(1));
  const auto outcome = [&](const std::string& endpoint, const char* success) {
    for (const MetricFamily& family : stage_.metrics.snapshot()) {
      if (family.name != "otelcol_loadbalancer_backend_outcome") continue;
      for (const MetricSample& sample : family.samples) {
        if (sample.labels ==
            MetricLabels{{"exporter", "lb"}, {"endpoint", endpoint}, {"success", success}}) {
          return sample.value;
        }
      }
    }
    return -1.0;
  };
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while ((outcome(peer.endpoint(), "true") < 1 || outcome(gone, "false") < 1) &&
         std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(outcome(peer.endpoint(), "true"), 1);
  EXPECT_EQ(outcome(peer.endpoint(), "false"), 0);
  EXPECT_GE(outcome(gone, "false"), 1);
  EXPECT_THAT(stage_.metrics.text(), HasSubstr("otelcol_exporter_sent_spans{exporter=\"otlp_grpc/" +
                                               peer.endpoint() + "\"}"));
  exporter_->stop(std::chrono::steady_clock::now());
  EXPECT_TRUE(balance().balances());
  EXPECT_EQ(balance().passed_on + dropped("shutdown"), 100u);
}

// Two backends have the same port on two addresses of the loopback.
class LoadBalancingByDns : public LoadBalancing {
 protected:
  static constexpr const char* kFirst = "127.0.0.1";
  static constexpr const char* kSecond = "127.0.0.2";

  static GrpcServerSettings at(const std::string& address, int port) {
    GrpcServerSettings settings;
    settings.endpoint = fmt::format("{}:{}", address, port);
    return settings;
  }
  std::string resolver() const {
    return fmt::format(
        "{{dns: {{hostname: gateways.test, port: '{}', interval: 5ms, timeout: 10s, "
        "server: '{}'}}}}",
        port_, dns_.server());
  }

  const int port_ = free_port();
  DnsResponder dns_;
};

TEST_F(LoadBalancingByDns, WhatWaitsForABackendThatGoesGoesToTheOthers) {
  ReceivingPeer first(at(kFirst, port_));
  dns_.answer({kFirst, kSecond});  // nobody listens on the second
  start(resolver());
  for (int i = 0; i < 10; ++i) send_when_possible(traces(100, i));
  EXPECT_GT(balance().held, 0u);
  dns_.answer({kFirst});
  ASSERT_TRUE(first.consumer.wait_for_spans(1000));
  stop();
  EXPECT_EQ(trace_ids(first.consumer.bytes()), sent_);
  EXPECT_GT(rerouted(), 0);
  EXPECT_EQ(balance().taken, 1000u);
  EXPECT_EQ(balance().passed_on, 1000u);
  EXPECT_TRUE(balance().balances());
}

TEST_F(LoadBalancingByDns, WithoutBackendsItRefusesAndKeepsWhatItHas) {
  dns_.answer({kSecond});
  start(resolver());
  send_when_possible(traces(50, 1));
  dns_.answer({kFirst});  // the only one goes; another comes, which is not there yet either
  ReceivingPeer first(at(kFirst, port_));
  ASSERT_TRUE(first.consumer.wait_for_spans(50));
  stop();
  EXPECT_EQ(balance().passed_on, 50u);
  EXPECT_TRUE(balance().balances());
}

TEST_F(LoadBalancingByDns, RefusesRetryablyUntilBackendsAreKnown) {
  dns_.name_error();
  start(resolver());
  const Status refused = send(traces(10, 1));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kRetryable);
  EXPECT_EQ(balance().refused, 10u);
  EXPECT_EQ(balance().taken, 0u);
  EXPECT_FALSE(exporter_->admit(otlp::Signal::kTraces, 100));
  dns_.answer({kFirst});
  send_when_possible(traces(10, 2));
  EXPECT_TRUE(exporter_->admit(otlp::Signal::kTraces, 100));
  exporter_->stop(std::chrono::steady_clock::now());
}

TEST_F(LoadBalancingByDns, ANewBackendGetsItsShare) {
  ReceivingPeer first(at(kFirst, port_));
  ReceivingPeer second(at(kSecond, port_));
  dns_.answer({kFirst});
  start(resolver());
  send_when_possible(traces(500, 1));
  ASSERT_TRUE(first.consumer.wait_for_spans(500));
  dns_.answer({kFirst, kSecond});
  for (int i = 0; second.consumer.spans() == 0 && i < 2000; ++i) {
    send_when_possible(traces(20, 1000 + i));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  stop();
  std::multiset<std::string> received = trace_ids(first.consumer.bytes());
  received.merge(trace_ids(second.consumer.bytes()));
  EXPECT_GT(second.consumer.spans(), 0u);
  EXPECT_EQ(received, sent_);
  EXPECT_TRUE(balance().balances());
}

TEST_F(LoadBalancing, AFullQueueOfABackendThatIsDownCostsItsPartOnly) {
  ReceivingPeer peer;
  const std::string gone = "127.0.0.1:" + std::to_string(free_port());
  start(static_resolver({peer.endpoint(), gone}),
        std::string(kFast) + "\n    sending_queue: {queue_size: 3}");
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::uint64_t taken = 0;
  for (int i = 0; dropped("backend_down") == 0; ++i) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline);
    auto batch = otlp::Batch::from_wire(traces(100, i));
    if (exporter_->consume(std::move(*batch))) taken += 100;
  }
  EXPECT_EQ(balance().taken, taken);
  exporter_->stop(std::chrono::steady_clock::now());
  EXPECT_TRUE(balance().balances());
  EXPECT_GT(peer.consumer.spans(), 0u);
}

// One queue in front of all.
TEST_F(LoadBalancing, OnlyWhatFailedIsTriedAgain) {
  ReceivingPeer first;
  const int port = free_port();
  const std::string late = "127.0.0.1:" + std::to_string(port);
  start(static_resolver({first.endpoint(), late}), "timeout: 2s",
        "sending_queue: {num_consumers: 2}\nretry_on_failure: {enabled: true, initial_interval: "
        "5ms, max_interval: 20ms}");
  for (int i = 0; i < 5; ++i) ASSERT_TRUE(send(traces(200, i)));
  ASSERT_TRUE(first.consumer.wait_for_calls(2));
  GrpcServerSettings settings;
  settings.endpoint = late;
  ReceivingPeer second(settings);
  ASSERT_TRUE(second.consumer.wait_for_calls(1));
  stop();
  std::multiset<std::string> received = trace_ids(first.consumer.bytes());
  received.merge(trace_ids(second.consumer.bytes()));
  EXPECT_EQ(received, sent_);  // each once
  EXPECT_EQ(balance().taken, 1000u);
  EXPECT_EQ(balance().passed_on, 1000u);
  EXPECT_TRUE(balance().balances());
}

TEST_F(LoadBalancing, WhatOneBackendRefusesForGoodIsDroppedAlone) {
  ReceivingPeer first;
  ReceivingPeer second;
  second.consumer.answer_next({ErrorKind::kPermanent, "no"});
  start(static_resolver({first.endpoint(), second.endpoint()}), "sending_queue: {enabled: false}");
  ASSERT_TRUE(send(traces(200, 1)));
  stop();
  const std::uint64_t lost = dropped("permanent_error");
  EXPECT_GT(lost, 0u);
  EXPECT_EQ(first.consumer.spans() + lost, 200u);
  EXPECT_EQ(balance().taken, 200u);
  EXPECT_EQ(balance().passed_on, 200u - lost);
  EXPECT_TRUE(balance().balances());
}

TEST_F(LoadBalancingByDns, InOneAttemptWhatGoesAwayGoesToTheOthers) {
  ReceivingPeer first(at(kFirst, port_));
  dns_.answer({kFirst, kSecond});
  start(resolver(), "timeout: 10s",
        "sending_queue: {}\nretry_on_failure: {enabled: true, initial_interval: 5ms, max_interval: "
        "20ms}");
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(send(traces(100, i)));
  dns_.answer({kFirst});
  ASSERT_TRUE(first.consumer.wait_for_spans(1000));
  stop();
  EXPECT_EQ(trace_ids(first.consumer.bytes()), sent_);
  EXPECT_EQ(balance().passed_on, 1000u);
  EXPECT_TRUE(balance().balances());
}

TEST_F(LoadBalancing, RefusesSettingsThatCannotBe) {
  const std::string one = "resolver: {static: {hostnames: [a]}}\n";
  const std::vector<std::pair<std::string, const char*>> cases = {
      {"{}", "resolver"},
      {"resolver: {}", "no resolvers specified"},
      {one + "routing_key: metric", "traces are routed by"},
      {one + "routing_key: traceid", "traceID"},
      {one + "routing_key: attributes", "routing_attributes"},
      {one + "protocol: {http: {}}", "http"},
      {one + "protocol: {otlp: {compression: zstd}}", "compression"},
      {one + "protocol: {otlp: {sending_queue: {storage: disk}}}", "queue on disk per backend"},
      {one + "sending_queue: {storage: disk}", "no storage client extension found"},
  };
  for (const auto& [yaml, reason] : cases) {
    EXPECT_THAT(create(yaml), HasSubstr(reason)) << yaml;
  }
  EXPECT_EQ(create(one + "protocol: {otlp: {endpoint: 'b:1'}}"), "");
  EXPECT_THAT(stage_.warnings.messages, ::testing::Contains(HasSubstr("has no effect")));
}

}  // namespace
}  // namespace kernspan
