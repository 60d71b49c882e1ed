// Clients of the gRPC port that mean no good, byte by byte.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>
#include <fstream>
#include <string>
#include <vector>

#include "pipeline/otlp/rpc_status.h"
#include "tests/unit/pipeline/http_client.h"
#include "tests/unit/pipeline/otlp/reference_request.h"
#include "tests/unit/pipeline/otlp_peers.h"
#include "tests/unit/sanitized.h"

namespace kernspan {
namespace {

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t pages = 0;
  file >> pages >> pages;
  return pages * 4096;
}

std::string frame(char type, char flags, char stream, const std::string& payload) {
  const std::size_t size = payload.size();
  return std::string{static_cast<char>(size >> 16),
                     static_cast<char>(size >> 8),
                     static_cast<char>(size),
                     type,
                     flags,
                     0,
                     0,
                     0,
                     stream} +
         payload;
}

std::string field(const std::string& name_bytes, const std::string& value) {
  return name_bytes + static_cast<char>(value.size()) + value;
}

// The preface, the settings and the head of a call.
std::string call_head() {
  using namespace std::string_literals;
  constexpr char kSettings = 4;
  constexpr char kHeaders = 1;
  constexpr char kEndHeaders = 4;
  const std::string head = "\x83\x86"s + field("\x04"s, otlp::kExportMethod) +
                           field("\x01"s, "localhost") + field("\x0F\x10"s, "application/grpc") +
                           "\x00\x02te"s + field("", "trailers");
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettings, 0, 0, "") +
         frame(kHeaders, kEndHeaders, 1, head);
}

std::string data(const std::string& payload) {
  return frame(0, 0, 1, payload);
}

// What is announced costs nothing; what is sent is for the test with a client that sends it
// (tests/e2e/hostile_clients_test.py).
TEST(HostileGrpc, AnnouncingAMessageOfTwoGigabytesCostsNothing) {
  using namespace std::string_literals;
  for (const std::string& prefix : {"\x00\x7F\xFF\xFF\xFF"s, "\x00\xFF\xFF\xFF\xFF"s}) {
    ReceivingPeer receiver;
    const std::size_t before = resident_bytes();
    std::vector<HttpClient> clients;
    for (int i = 0; i < 20; ++i) {
      clients.emplace_back(receiver.receiver->port());
      ASSERT_TRUE(clients.back().send(call_head() + data(prefix + std::string(1000, 'x'))));
    }
    SendingPeer sender("{endpoint: '" + receiver.endpoint() +
                       "', tls: {insecure: true}, retry_on_failure: {enabled: false}}");
    EXPECT_TRUE(sender.send(otlp::reference_bytes(1)));
    EXPECT_TRUE(receiver.consumer.wait_for_spans(1));
    EXPECT_LT(resident_bytes(), before + (64U << 20));
    sender.stop();
  }
}

// More of them than there are places for calls.
TEST(HostileGrpc, CallsWithoutAMessageKeepTheirPlacesForAWhileOnly) {
  constexpr int kCalls = 200;
  ReceivingPeer receiver(GrpcServerSettings{.message_timeout = std::chrono::milliseconds(300)});
  std::vector<HttpClient> silent;
  for (int i = 0; i < kCalls; ++i) {
    silent.emplace_back(receiver.receiver->port());
    ASSERT_TRUE(silent.back().send(call_head()));
  }
  SendingPeer sender("{endpoint: '" + receiver.endpoint() +
                     "', tls: {insecure: true}, retry_on_failure: {enabled: false}, timeout: 60s}");
  EXPECT_TRUE(sender.send(otlp::reference_bytes(1)));
  EXPECT_TRUE(receiver.consumer.wait_for_spans(1));
  EXPECT_GT(receiver.wait_for_refused_requests("message_timeout"), 0);
  sender.stop();
}

TEST(HostileGrpc, GarbageOnThePortHurtsNobody) {
  ReceivingPeer receiver;
  for (const std::string& garbage :
       {std::string(100'000, '\0'), std::string("POST /v1/traces HTTP/1.1\r\n\r\n"),
        std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") + std::string(100'000, '\xFF'),
        call_head() + std::string(9000, '\xFF')}) {
    HttpClient client(receiver.receiver->port());
    client.send(garbage);
    EXPECT_TRUE(client.is_closed());
  }
  SendingPeer sender("{endpoint: '" + receiver.endpoint() +
                     "', tls: {insecure: true}, retry_on_failure: {enabled: false}}");
  EXPECT_TRUE(sender.send(otlp::reference_bytes(1)));
  EXPECT_TRUE(receiver.consumer.wait_for_spans(1));
  sender.stop();
}

// Both ends of each are in this process.
TEST(HostileGrpc, TenThousandIdleConnectionsAreBorne) {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  const std::size_t most = kSanitized ? 1000 : 10'000;
  const std::size_t count = std::min<std::size_t>(most, (limit.rlim_cur - 1000) / 2);
  if (count < most * 9 / 10) GTEST_SKIP() << "the limit of open files is below 19,000";
  ReceivingPeer receiver;
  const std::size_t before = resident_bytes();
  std::vector<HttpClient> idle;
  for (std::size_t i = 0; i < count; ++i) {
    idle.emplace_back(receiver.receiver->port());
    ASSERT_TRUE(idle.back().connected()) << i;
  }
  SendingPeer sender("{endpoint: '" + receiver.endpoint() +
                     "', tls: {insecure: true}, retry_on_failure: {enabled: false}}");
  EXPECT_TRUE(sender.send(otlp::reference_bytes(1)));
  EXPECT_TRUE(receiver.consumer.wait_for_spans(1));
  const std::size_t grown = resident_bytes() - before;
  RecordProperty("bytes_per_connection", static_cast<int>(grown / idle.size()));
  if (!kSanitized) {
    EXPECT_LT(grown, 512U << 20);
  }
  sender.stop();
}

}  // namespace
}  // namespace kernspan
