#include "agent/kube/kubelet_client.h"

#include <gtest/gtest.h>

#include <fstream>
#include <memory>
#include <mutex>
#include <string>

#include "tests/unit/agent/kube/https_server.h"
#include "tests/unit/pipeline/fake_clock.h"

namespace kernspan::kube {
namespace {

using namespace std::chrono_literals;

std::string pod_json(int number) {
  return fmt::format(
      R"({{"metadata": {{"uid": "uid-{0}", "name": "pod-{0}", "namespace": "shop"}},
          "spec": {{"containers": [{{"name": "main", "image": "a:1"}}]}},
          "status": {{"containerStatuses": [{{"name": "main", "containerID": "containerd://id-{0}"}}]}}}})",
      number);
}

std::string list_of(int pods, const std::string& padding = "") {
  std::string list = R"({"kind": "PodList", "padding": ")" + padding + R"(", "items": [)";
  for (int i = 0; i < pods; ++i) list += (i == 0 ? "" : ",") + pod_json(i);
  return list + "]}";
}

class KubeletClientTest : public testing::Test {
 protected:
  KubeletClientTest() {
    certificates_.issue("kubelet");
    certificates_.issue("stranger", "other-ca");
    write_token("first");
    settings_.access.ca_file = certificates_.path("ca.pem");
    settings_.access.token_file = certificates_.path("token");
    settings_.timeout = 20s;
    serve("kubelet");
  }

  void serve(const std::string& certificate) {
    server_ =
        std::make_unique<HttpsServer>(certificates_, certificate, [this](const std::string& head) {
          const std::scoped_lock lock(mutex_);
          heads_.push_back(head);
          return answer_(head);
        });
    settings_.access.url = server_->url();
  }
  void answer(HttpsServer::Answer answer) {
    const std::scoped_lock lock(mutex_);
    answer_ = std::move(answer);
  }
  void answer(int status, const std::string& body, const std::string& more = "") {
    answer([=](const std::string&) { return HttpsServer::response(status, body, more); });
  }
  void write_token(const std::string& token) {
    std::ofstream(certificates_.path("token")) << token << "\n";
  }
  KubeletClient& client() {
    if (!client_) client_ = std::make_unique<KubeletClient>(settings_, directory_, clock_);
    return *client_;
  }
  KubeletState ask() { return client().ask(false); }
  KubeletCounters counters() { return client().snapshot().counters; }
  bool knows(const std::string& id) const {
    return static_cast<bool>(directory_.find_container(id));
  }

  FakeClock clock_;
  Certificates certificates_;
  KubeletSettings settings_;
  PodDirectory directory_{{}, [this] { return clock_.monotonic_ns(); }};
  std::mutex mutex_;
  HttpsServer::Answer answer_ = [](const std::string&) {
    return HttpsServer::response(200, list_of(2));
  };
  std::vector<std::string> heads_;
  std::unique_ptr<HttpsServer> server_;
  std::unique_ptr<KubeletClient> client_;
};

TEST_F(KubeletClientTest, ListsThePods) {
  EXPECT_EQ(client().state(), KubeletState::kUnknown);
  EXPECT_EQ(ask(), KubeletState::kReachable);
  EXPECT_EQ(directory_.find_container("id-1").pod->name, "pod-1");
  EXPECT_TRUE(heads_[0].starts_with("GET /pods HTTP/1.1\r\n")) << heads_[0];
  EXPECT_TRUE(heads_[0].contains("Authorization: Bearer first\r\n"));
}

TEST_F(KubeletClientTest, TheTokenIsReadAnew) {
  answer([](const std::string& head) {
    const bool is_new = head.contains("Bearer second\r\n");
    return HttpsServer::response(is_new ? 200 : 401, is_new ? list_of(2) : "Unauthorized");
  });
  EXPECT_EQ(ask(), KubeletState::kForbidden);
  EXPECT_FALSE(knows("id-1"));
  write_token("second");
  EXPECT_EQ(ask(), KubeletState::kReachable);
  EXPECT_TRUE(knows("id-1"));
  EXPECT_EQ(counters().requests[static_cast<std::size_t>(KubeletState::kForbidden)], 1u);
}

TEST_F(KubeletClientTest, WhatIsForbiddenLeavesWhatIsKnown) {
  ASSERT_EQ(ask(), KubeletState::kReachable);
  answer(403, "Forbidden (user=system:serviceaccount:x, verb=get, resource=nodes)");
  EXPECT_EQ(ask(), KubeletState::kForbidden);
  EXPECT_TRUE(knows("id-1"));
}

TEST_F(KubeletClientTest, AnAnswerThatHasNotChangedIsNotReadAgain) {
  ASSERT_EQ(ask(), KubeletState::kReachable);
  ASSERT_EQ(ask(), KubeletState::kReachable);
  EXPECT_EQ(counters().unchanged, 1u);
  EXPECT_EQ(counters().lists.lists, 1u);
}

TEST_F(KubeletClientTest, AServerWithEtagsIsAskedForChanges) {
  answer([](const std::string& head) {
    if (head.contains("If-None-Match: \"v1\"\r\n")) return HttpsServer::response(304, "");
    return HttpsServer::response(200, list_of(2), "ETag: \"v1\"\r\n");
  });
  ASSERT_EQ(ask(), KubeletState::kReachable);
  EXPECT_FALSE(heads_[0].contains("If-None-Match"));
  ASSERT_EQ(ask(), KubeletState::kReachable);
  EXPECT_TRUE(heads_[1].contains("If-None-Match: \"v1\"\r\n"));
  EXPECT_EQ(counters().unchanged, 1u);
  EXPECT_TRUE(knows("id-1"));
}

TEST_F(KubeletClientTest, ASlowServerIsToldFromOneThatIsDown) {
  settings_.timeout = 300ms;
  answer([](const std::string&) { return std::string(); });
  EXPECT_EQ(ask(), KubeletState::kSlow);
  server_.reset();
  EXPECT_EQ(ask(), KubeletState::kDown);
}

TEST_F(KubeletClientTest, StrangersGetNoToken) {
  serve("stranger");
  EXPECT_EQ(ask(), KubeletState::kDown);
  EXPECT_TRUE(heads_.empty());
  client_.reset();
  settings_.access.skip_verify = true;
  EXPECT_EQ(ask(), KubeletState::kReachable) << "unless they are trusted by configuration";
}

TEST_F(KubeletClientTest, BodiesThatAreCutOrGarbageChangeNothing) {
  ASSERT_EQ(ask(), KubeletState::kReachable);
  answer([](const std::string&) {
    std::string whole = HttpsServer::response(200, list_of(1), "Connection: close\r\n");
    return whole.substr(0, whole.size() - 20);
  });
  EXPECT_EQ(ask(), KubeletState::kDown);
  for (const char* body : {"", "<html>", "{}", "[1, 2", R"({"kind": "Status", "code": 500})"}) {
    answer(200, body);
    EXPECT_EQ(ask(), KubeletState::kInvalid) << body;
  }
  answer(500, "no");
  EXPECT_EQ(ask(), KubeletState::kInvalid);
  EXPECT_TRUE(knows("id-1"));
}

TEST_F(KubeletClientTest, LargeBodiesAreReadAndTooLargeOnesAreNot) {
  settings_.body_bytes_max = 6u << 20;
  answer(200, list_of(1000, std::string(5u << 20, 'x')));
  EXPECT_EQ(ask(), KubeletState::kReachable);
  EXPECT_EQ(directory_.size(), 1000u);
  answer(200, list_of(3, std::string(6u << 20, 'x')));
  EXPECT_EQ(ask(), KubeletState::kInvalid);
  EXPECT_EQ(directory_.size(), 1000u);
  EXPECT_EQ(directory_.counters().deleted, 0u);
}

TEST_F(KubeletClientTest, BadPodsAreSkipped) {
  answer(200, R"({"kind": "PodList", "items": [7, )" + pod_json(5) + "]}");
  EXPECT_EQ(ask(), KubeletState::kReachable);
  EXPECT_TRUE(knows("id-5"));
  EXPECT_EQ(counters().lists.pods_bad, 1u);
}

std::chrono::nanoseconds until(const KubeletClient::Next& next, const FakeClock& clock) {
  return std::chrono::nanoseconds(next.at_ns) - std::chrono::nanoseconds(clock.monotonic_ns());
}

TEST_F(KubeletClientTest, ItAsksRegularlyAndSoonerForWhatIsWanted) {
  EXPECT_EQ(until(client().next(), clock_), 0s);
  ask();
  EXPECT_EQ(until(client().next(), clock_), 15s);
  directory_.want("id-7");
  EXPECT_EQ(until(client().next(), clock_), 1s) << "never twice in a second";
  EXPECT_TRUE(client().next().on_demand);
  clock_.advance(3s);
  EXPECT_LE(until(client().next(), clock_), 0s);
}

TEST_F(KubeletClientTest, TheSecondBeginsWhenAnAnswerIsThere) {
  answer([this](const std::string&) {
    clock_.advance(300ms);  // on its way, and until the kubelet has seen it
    return HttpsServer::response(200, list_of(1));
  });
  ask();
  directory_.want("id-7");
  EXPECT_EQ(until(client().next(), clock_), 1s);
}

TEST_F(KubeletClientTest, AfterFailuresTheWaitsGrowUpToTheInterval) {
  answer(500, "");
  std::vector<std::chrono::nanoseconds> waits;
  for (int i = 0; i < 5; ++i) {
    ask();
    waits.push_back(until(client().next(), clock_));
  }
  EXPECT_EQ(waits, (std::vector<std::chrono::nanoseconds>{2s, 4s, 8s, 15s, 15s}));
}

TEST_F(KubeletClientTest, NoMoreThanOneRequestASecondWhateverIsWanted) {
  answer(200, list_of(0));
  for (int i = 0; i < 200; ++i) {
    directory_.want("unknown-" + std::to_string(i));
    const KubeletClient::Next next = client().next();
    if (next.at_ns <= clock_.monotonic_ns()) client().ask(next.on_demand);
    clock_.advance(50ms);
  }
  const KubeletCounters now = counters();
  EXPECT_LE(now.requests[static_cast<std::size_t>(KubeletState::kReachable)], 11u);
  EXPECT_GE(now.requests[static_cast<std::size_t>(KubeletState::kReachable)], 9u);
}

TEST_F(KubeletClientTest, TheThreadAsksAndStops) {
  client().start();
  while (!knows("id-1")) std::this_thread::yield();
  answer([](const std::string&) { return std::string(); });
  directory_.want("id-9");
  clock_.advance(2s);
  client().stop();
  client().stop();
  EXPECT_TRUE(knows("id-1"));
}

}  // namespace
}  // namespace kernspan::kube
