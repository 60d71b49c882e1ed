// The extension and a real tail_sampling processor, over gRPC on the loopback.
#include "gateway/replicas/replicas_extension.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "pipeline/extensions/bearer_token_auth/bearer_token_auth.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/processors/tail_sampling/tail_sampling_processor.h"
#include "tests/unit/pipeline/certificates.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/free_port.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::replicas {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;
using testing::IsEmpty;

bool wait_until(const std::function<bool()>& condition) {
  const auto end = steady_clock::now() + kPatience;
  while (!condition()) {
    if (steady_clock::now() > end) return false;
    std::this_thread::sleep_for(milliseconds(10));
  }
  return true;
}

// Where the replicas' spans end: which have come, and how often.
class Sink final : public Consumer {
 public:
  Status consume(otlp::Batch batch) override {
    const otlp::SpanIndex index(batch);
    const std::scoped_lock lock(mutex_);
    for (const otlp::IndexedSpan& span : index.spans()) ++spans_[span.span_id.hex()];
    return {};
  }
  std::map<std::string, int> spans() const {
    const std::scoped_lock lock(mutex_);
    return spans_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, int> spans_;
};

const char kSampling[] =
    "replicas: replicas\n"
    "decision_wait: 3s\n"
    "num_shards: 2\n"
    "policies:\n"
    "  - {name: errors, type: status_code, status_code: {status_codes: [ERROR]}}\n"
    "  - {name: large, type: span_count, span_count: {min_spans: 6}}\n";

// One process: as the service starts and stops it.
class Replica {
 public:
  Replica(const std::string& address, const std::vector<std::string>& listed,
          const std::string& security, Sink& sink)
      : address_(address) {
    if (security.find("authenticator") != std::string::npos) {
      auto token = bearer_token_auth_extension_factory().create(
          ComponentStage::yaml("token: secret"), stage_.context());
      EXPECT_TRUE(token);
      EXPECT_TRUE((*token)->start());
      token_ = *std::move(token);
      replicas_stage_.extensions.add("bearertokenauth", *token_);
    }
    std::string hosts;
    for (const std::string& each : listed) hosts += (hosts.empty() ? "" : ", ") + each;
    auto extension = replicas_extension_factory().create(
        ComponentStage::yaml("endpoint: " + address + "\nresolver: {static: {hostnames: [" + hosts +
                             "]}}\nhello_interval: 50ms\ndown_after: 2s\n" + "settle_window: 1s\n" +
                             security),
        replicas_stage_.context());
    EXPECT_TRUE(extension) << extension.error().message;
    extension_ = *std::move(extension);
    stage_.extensions.add("replicas", *extension_);
    auto processor = tail_sampling_processor_factory().create(ComponentStage::yaml(kSampling),
                                                              stage_.context(), sink);
    EXPECT_TRUE(processor) << processor.error().message;
    processor_ = *std::move(processor);
    const Status started = extension_->start();
    EXPECT_TRUE(started) << started.error().message;
    EXPECT_TRUE(processor_->start());
    extension_->pipelines_ready();
  }
  ~Replica() { stop(); }

  Status consume(const std::string& request) {
    return processor_->consume(*otlp::Batch::from_wire(request));
  }
  double ring_size() const {
    return replicas_stage_.metric("kernspan_replicas_ring_size", {{"extension", "replicas"}});
  }
  void stop() {
    if (std::exchange(is_stopped_, true)) return;
    extension_->pipelines_not_ready();
    processor_->stop(steady_clock::now() + seconds(20));
    extension_->stop(steady_clock::now() + seconds(5));
    EXPECT_EQ(balance().difference(), 0) << address_;
    EXPECT_EQ(balance().held, 0u) << address_;
  }
  StageBalance balance() const { return stage_.books.balance(); }
  double alone() const {
    return stage_.metric("kernspan_replicas_alone_decisions",
                         {{"processor", "tail_sampling"}, {"pipeline", "traces"}});
  }
  const std::string& address() const { return address_; }

 private:
  const std::string address_;
  ComponentStage replicas_stage_{"replicas"};
  ComponentStage stage_{"tail_sampling"};
  std::unique_ptr<Extension> token_;
  std::unique_ptr<Extension> extension_;
  std::unique_ptr<Processor> processor_;
  bool is_stopped_ = false;
};

class ReplicasExtensionTest : public testing::Test {
 protected:
  static std::string free_address() { return "127.0.0.1:" + std::to_string(free_port()); }

  Replica& start(const std::string& address, const std::string& security = "") {
    replicas_.push_back(std::make_unique<Replica>(address, listed_, security, sink_));
    return *replicas_.back();
  }
  bool agree(double size) {
    return wait_until([&] {
      return std::ranges::all_of(replicas_,
                                 [&](const auto& each) { return each->ring_size() == size; });
    });
  }

  Sink sink_;
  std::vector<std::string> listed_;
  std::vector<std::unique_ptr<Replica>> replicas_;
};

// Traces whose spans go to any replica, while one leaves and another comes.
TEST_F(ReplicasExtensionTest, KeepsWholeTracesWhileReplicasComeAndGo) {
  for (int i = 0; i < 4; ++i) listed_.push_back(free_address());
  for (int i = 0; i < 3; ++i) start(listed_[static_cast<std::size_t>(i)]);
  // The fourth is listed and does not run: it is taken for one that starts.
  ASSERT_TRUE(agree(3));

  std::mt19937_64 random(7);
  std::set<std::string> expected;
  std::vector<std::string> requests;
  for (int trace = 0; trace < 300; ++trace) {
    std::string id(16, '\0');
    for (char& byte : id) byte = static_cast<char>(1 + random() % 255);
    const int kind = trace % 3;  // an error, six spans, neither
    const int spans = kind == 1 ? 6 : 4;
    for (int span = 0; span < spans; ++span) {
      otlp::ReferenceRequest request;
      auto& made = *request.add_resource_spans()->add_scope_spans()->add_spans();
      made.set_trace_id(id);
      SpanId span_id;
      for (auto& byte : span_id.bytes) byte = static_cast<std::uint8_t>(1 + random() % 255);
      made.set_span_id(std::string(span_id.view()));
      if (kind == 0 && span == 2) {
        made.mutable_status()->set_code(opentelemetry::proto::trace::v1::Status::STATUS_CODE_ERROR);
      }
      if (kind != 2) expected.insert(span_id.hex());
      requests.push_back(request.SerializeAsString());
    }
  }
  // Spans of a trace come close to each other, in any order.
  for (std::size_t i = 0; i + 40 < requests.size(); ++i) {
    std::swap(requests[i], requests[i + random() % 40]);
  }
  const auto send = [&](const std::string& request) {
    return wait_until(
        [&] { return replicas_[random() % replicas_.size()]->consume(request).has_value(); });
  };
  for (std::size_t i = 0; i < requests.size(); ++i) {
    if (i == requests.size() / 3) {
      const auto leaving = replicas_.begin() + 1;
      (*leaving)->stop();
      EXPECT_EQ((*leaving)->alone(), 0);
      replicas_.erase(leaving);
    }
    if (i == 2 * requests.size() / 3) start(listed_[3]);
    ASSERT_TRUE(send(requests[i]));
  }
  ASSERT_TRUE(wait_until([&] { return sink_.spans().size() >= expected.size(); }));
  ASSERT_TRUE(wait_until([&] {
    return std::ranges::all_of(replicas_,
                               [](const auto& each) { return each->balance().held == 0; });
  }));
  std::set<std::string> kept;
  for (const auto& [span, count] : sink_.spans()) {
    EXPECT_EQ(count, 1) << span;
    kept.insert(span);
  }
  EXPECT_EQ(kept, expected);
  std::uint64_t handed_over = 0;
  for (const auto& replica : replicas_) {
    EXPECT_EQ(replica->alone(), 0);
    handed_over += replica->balance().to_peers;
  }
  EXPECT_GT(handed_over, 0u);
}

TEST_F(ReplicasExtensionTest, SpeaksMutualTlsWithTokens) {
  Certificates certificates;
  certificates.issue("replica");
  certificates.issue("stranger", "other-ca");
  const auto security = [&](const std::string& name) {
    return "tls: {cert_file: " + certificates.path(name + ".pem") +
           ", key_file: " + certificates.path(name + ".key") +
           ", client_ca_file: " + certificates.path("ca.pem") +
           "}\nauth: {authenticator: bearertokenauth}\npeers:\n  auth: {authenticator: "
           "bearertokenauth}\n  tls: {ca_file: " +
           certificates.path("ca.pem") + ", cert_file: " + certificates.path(name + ".pem") +
           ", key_file: " + certificates.path(name + ".key") + "}\n";
  };
  listed_ = {free_address(), free_address(), free_address()};
  start(listed_[0], security("replica"));
  start(listed_[1], security("replica"));
  // One whose certificate the others do not believe, and whom they take for one that is down.
  Sink elsewhere;
  Replica stranger(listed_[2], listed_, security("stranger"), elsewhere);
  ASSERT_TRUE(agree(2));
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(replicas_[static_cast<std::size_t>(i % 2)]->consume(otlp::reference_bytes(20)));
  }
  ASSERT_TRUE(wait_until([&] {
    const std::uint64_t taken[] = {replicas_[0]->balance().from_peers,
                                   replicas_[1]->balance().from_peers};
    return taken[0] > 0 && taken[0] == replicas_[1]->balance().to_peers &&
           taken[1] == replicas_[0]->balance().to_peers;
  }));
  EXPECT_EQ(stranger.balance().from_peers, 0u);
}

TEST_F(ReplicasExtensionTest, WhatIsNoMessageOfAPeerIsRefused) {
  listed_ = {free_address()};
  start(listed_[0]);
  GrpcPeers caller({.path = "test", .tls = {.insecure = true}, .compression = Compression::kNone});
  ASSERT_TRUE(caller.start());
  std::mutex mutex;
  std::vector<PeerReply> replies;
  for (const char* text : {"", "garbage", "\xff\xff\xff\xff"}) {
    for (const PeerMethod method : {PeerMethod::kHello, PeerMethod::kHandOff}) {
      caller.call(listed_[0], method, {otlp::Slice(std::string(text))}, seconds(10),
                  [&](const PeerReply& reply) {
                    const std::scoped_lock lock(mutex);
                    replies.push_back(reply);
                  });
    }
  }
  ASSERT_TRUE(wait_until([&] {
    const std::scoped_lock lock(mutex);
    return replies.size() == 6;
  }));
  caller.stop();
  for (const PeerReply& reply : replies) {
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::kPermanent) << reply.error().message;
  }
}

}  // namespace
}  // namespace kernspan::replicas
