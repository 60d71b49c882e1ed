// What spans are told of their pods, and how long they wait for it.
#include "agent/receiver/pod_enrichment.h"

#include <memory>

#include "tests/unit/agent/process/fake_proc.h"
#include "tests/unit/agent/receiver/tracer_fixture.h"

namespace kernspan {
namespace {

using kube::KubeletState;
using kube::PodPtr;

constexpr std::string_view kGet = "GET /cart HTTP/1.1\r\nHost: shop.example\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
constexpr std::uint64_t kSecond = 1'000'000'000;
const std::string kUid = "0b3f2c1d-5d1c-4d3a-9a51-000000000001";
const std::string kId(64, 'a');
const std::string kOtherId(64, 'b');

class PodEnrichmentTest : public TracerTest {
 protected:
  PodEnrichmentTest() { remake_with({}); }

  void remake_with(PodEnrichment::Settings settings) {
    enrichment_ = std::make_unique<PodEnrichment>(settings, directory_, [this] { return state_; });
    process::ProcessTable::Settings table;
    table.proc_root = proc_.root();
    table.passwd_path = proc_.passwd();
    processes_ = std::make_unique<process::ProcessTable>(table, process::HostInfo{},
                                                         [this] { return now_ns(); });
    tracer_ = std::make_unique<Tracer>(
        TracerSettings{}, *processes_, process::HostInfo{}, [this] { return ++next_id_; },
        [](std::uint32_t, bool) {});
    tracer_->enrich_with(*enrichment_);
    story_ = std::make_unique<EventStory>(*tracer_);
    tracer_->flush(now_ns(), wall_offset_ns_, encoder_);
  }
  std::uint64_t now_ns() const { return story_ ? story_->now_ns : 0; }

  void start_in_container(const StoryThread& thread, const std::string& id) {
    proc_.start({.tgid = thread.tgid, .executable = "python3", .args = {"python3", "shop.py"}});
    proc_.write(proc_.folder(thread.tgid) / "cgroup",
                "0::/kubepods/burstable/pod" + kUid + "/" + id + "\n");
  }
  static PodPtr pod(std::vector<kube::ContainerRun> runs) {
    kube::Pod made{.uid = kUid, .name = "cart-0", .namespace_name = "shop"};
    made.owner = made.top_owner = {.kind = "StatefulSet", .name = "cart", .uid = "u"};
    made.containers.push_back({.name = "app", .runs = std::move(runs)});
    return std::make_shared<const kube::Pod>(std::move(made));
  }
  // A request that the server has answered by now.
  void serve() {
    auto [client, server] = story_->connect_pair(8080);
    story_->recv(server, kServerThread, kGet);
    story_->send(server, kServerThread, kOk);
  }
  std::vector<SpanRecord> spans_after_ms(std::uint64_t ms) {
    story_->pass_ms(ms);
    return spans();
  }
  static std::string resource(const SpanRecord& span, std::string_view key) {
    return otlp::attribute_text(span.resource->attributes, key);
  }

  process::FakeProc proc_;
  KubeletState state_ = KubeletState::kReachable;
  kube::PodDirectory directory_{{}, [this] { return now_ns(); }};
  std::unique_ptr<PodEnrichment> enrichment_;
};

TEST_F(PodEnrichmentTest, ThePodIsAskedForWhenItsProgramIsMet) {
  start_in_container(kServerThread, kId);
  auto [client, server] = story_->connect_pair(8080);
  story_->recv(server, kServerThread, kGet);
  EXPECT_TRUE(directory_.wanted_at()) << "before there is a span";
}

TEST_F(PodEnrichmentTest, TheFirstSpanWaitsForItsPod) {
  start_in_container(kServerThread, kId);
  serve();
  EXPECT_TRUE(spans_after_ms(1000).empty());
  directory_.apply({pod({{kId, 2}})});
  const auto all = spans_after_ms(200);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(resource(all[0], "service.name"), "cart");
  EXPECT_EQ(resource(all[0], "k8s.pod.name"), "cart-0");
  EXPECT_EQ(resource(all[0], "k8s.container.name"), "app");
  EXPECT_EQ(resource(all[0], "k8s.container.restart_count"), "2");
  EXPECT_EQ(resource(all[0], "container.id"), kId);
  EXPECT_EQ(resource(all[0], "kernspan.k8s.enrichment"), "");
  EXPECT_EQ(enrichment_->counters().whole, 1u);
  EXPECT_EQ(enrichment_->counters().waits_resolved, 1u);
}

TEST_F(PodEnrichmentTest, AfterTheWaitSpansGoWithoutAndLaterOnesHaveIt) {
  state_ = KubeletState::kForbidden;
  start_in_container(kServerThread, kId);
  serve();
  EXPECT_TRUE(spans_after_ms(1900).empty());
  auto all = spans_after_ms(200);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(resource(all[0], "kernspan.k8s.enrichment"), "missing");
  EXPECT_EQ(resource(all[0], "container.id"), kId);
  EXPECT_EQ(resource(all[0], "k8s.pod.uid"), kUid);
  EXPECT_EQ(resource(all[0], "service.name"), "shop");
  EXPECT_EQ(enrichment_->counters().missing[static_cast<std::size_t>(KubeletState::kForbidden)],
            1u);
  EXPECT_EQ(enrichment_->counters().waits_given_up, 1u);
  serve();
  EXPECT_EQ(spans_after_ms(150).size(), 1u) << "nobody waits a second time";
  directory_.apply({pod({{kId, 0}})});
  serve();
  all = spans_after_ms(150);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(resource(all[0], "service.name"), "cart");
  EXPECT_EQ(enrichment_->counters().waits_given_up, 1u);
}

TEST_F(PodEnrichmentTest, APodWhoseContainerIsNotNamedYetIsWaitedForAndGivesWhatItHas) {
  directory_.apply({pod({})});
  start_in_container(kServerThread, kId);
  serve();
  EXPECT_TRUE(spans_after_ms(1900).empty());
  auto all = spans_after_ms(200);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(resource(all[0], "kernspan.k8s.enrichment"), "partial");
  EXPECT_EQ(resource(all[0], "service.name"), "cart");
  EXPECT_EQ(resource(all[0], "k8s.container.name"), "");
  EXPECT_EQ(enrichment_->counters().partial, 1u);
  directory_.apply({pod({{kId, 0}})});
  serve();
  all = spans_after_ms(150);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(resource(all[0], "k8s.container.name"), "app");
}

TEST_F(PodEnrichmentTest, WhatIsKnownStaysWhenThePodIsForgotten) {
  directory_.apply({pod({{kId, 0}})});
  start_in_container(kServerThread, kId);
  serve();
  ASSERT_EQ(spans_after_ms(150).size(), 1u);
  directory_.apply({});
  story_->pass_ms(200'000);
  directory_.sweep();
  directory_.apply({pod({{kOtherId, 0}})});  // another generation
  serve();
  const auto all = spans_after_ms(150);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(resource(all[0], "k8s.container.name"), "app");
}

TEST_F(PodEnrichmentTest, ChangedLabelsAndAnnotationsShowInLaterSpans) {
  directory_.apply({pod({{kId, 0}})});
  start_in_container(kServerThread, kId);
  serve();
  ASSERT_EQ(spans_after_ms(150).size(), 1u);
  auto changed = std::make_shared<kube::Pod>(*pod({{kId, 0}}));
  changed->annotations = {{"resource.opentelemetry.io/service.name", "renamed"}};
  directory_.apply({changed});
  serve();
  const auto all = spans_after_ms(150);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(resource(all[0], "service.name"), "renamed");
}

TEST_F(PodEnrichmentTest, ProgramsOfTheNodeWaitForNobody) {
  proc_.start({.tgid = kServerThread.tgid, .executable = "nginx", .args = {"nginx"}});
  serve();
  const auto all = spans_after_ms(150);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(resource(all[0], "kernspan.k8s.enrichment"), "");
  EXPECT_EQ(enrichment_->counters().not_in_pod, 1u);
  EXPECT_FALSE(directory_.wanted_at());
}

TEST_F(PodEnrichmentTest, PeersThatArePodsOfThisNodeAreNamed) {
  PeerNames peers(directory_, {});
  tracer_->name_peers(peers);
  auto client_pod = std::make_shared<kube::Pod>(*pod({}));
  client_pod->ips = {"192.0.2.1"};
  directory_.apply({client_pod});
  serve();
  auto all = spans_after_ms(150);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("service.peer.name"), "cart");
  EXPECT_EQ(all[0].attribute("service.peer.namespace"), "shop");
  EXPECT_EQ(all[0].attribute("client.address"), "192.0.2.1");
  EXPECT_EQ(all[0].attribute("server.address"), "shop.example");
  auto renamed = std::make_shared<kube::Pod>(*client_pod);
  renamed->containers[0].otel_service_name = "basket";
  directory_.apply({renamed});
  serve();
  all = spans_after_ms(150);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("service.peer.name"), "basket");
  directory_.apply({});
  story_->pass_ms(200'000);
  directory_.sweep();
  directory_.apply({pod({{kId, 0}})});
  serve();
  all = spans_after_ms(150);
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].attribute("service.peer.name"), "") << "the address is nobody's any more";
}

TEST_F(PodEnrichmentTest, UnderPressureNobodyWaits) {
  TracerSettings settings;
  settings.exchanges_max = 4;
  tracer_ = std::make_unique<Tracer>(
      settings, *processes_, process::HostInfo{}, [this] { return ++next_id_; },
      [](std::uint32_t, bool) {});
  tracer_->enrich_with(*enrichment_);
  story_ = std::make_unique<EventStory>(*tracer_);
  start_in_container(kServerThread, kId);
  for (int i = 0; i < 3; ++i) serve();
  EXPECT_GE(spans_after_ms(150).size(), 1u);
  EXPECT_EQ(enrichment_->counters().waits_given_up, 0u);
}

TEST_F(PodEnrichmentTest, ContainersAreBounded) {
  remake_with({.containers_max = 2});
  for (char c : {'a', 'b', 'c', 'd'}) {
    enrichment_->notice({.container_id = std::string(64, c), .pod_uid = kUid}, kSecond);
  }
  EXPECT_LE(enrichment_->size(), 2u);
  EXPECT_EQ(enrichment_->counters().containers_evicted, 2u);
  enrichment_->sweep(kSecond * 10'000);
  EXPECT_EQ(enrichment_->size(), 0u);
}

}  // namespace
}  // namespace kernspan
