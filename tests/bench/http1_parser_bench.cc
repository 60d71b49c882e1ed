// Time per message of the HTTP/1 parser, heads as the capture delivers them.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/protocol/http1/message_parser.h"

namespace kernspan::http1 {
namespace {

constexpr std::string_view kRequest =
    "GET /api/v1/items?limit=20 HTTP/1.1\r\n"
    "Host: shop.example:8080\r\n"
    "User-Agent: curl/8.5.0\r\n"
    "Accept: */*\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Connection: keep-alive\r\n"
    "\r\n";

constexpr std::string_view kTracedRequest =
    "POST /cart/checkout HTTP/1.1\r\n"
    "Host: shop.example\r\n"
    "User-Agent: python-requests/2.31.0\r\n"
    "Accept-Encoding: gzip, deflate\r\n"
    "Accept: */*\r\n"
    "Connection: keep-alive\r\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    "Content-Type: application/json\r\n"
    "Content-Length: 100\r\n"
    "\r\n";

constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\n"
    "Server: nginx/1.22.1\r\n"
    "Date: Mon, 01 Jan 2024 00:00:00 GMT\r\n"
    "Content-Type: text/html\r\n"
    "Content-Length: 615\r\n"
    "Connection: keep-alive\r\n"
    "ETag: \"64f5b5a6-267\"\r\n"
    "Accept-Ranges: bytes\r\n"
    "\r\n";

class Sink final : public MessageSink {
 public:
  void on_begin() override {}
  BodyRule on_head(const Head& head) override {
    benchmark::DoNotOptimize(head);
    return BodyRule::kByHead;
  }
  void on_end(MessageEnd, std::optional<std::uint64_t>) override { ++ended; }
  void on_invalid(std::string_view) override {}
  void on_lost() override {}
  std::int64_t ended = 0;
};

void report(benchmark::State& state, const Sink& sink, std::size_t head_bytes) {
  if (sink.ended != state.iterations()) state.SkipWithError("a message was not read");
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(head_bytes));
  state.counters["head_bytes"] = static_cast<double>(head_bytes);
}

void run_whole(benchmark::State& state, MessageKind kind, std::string_view head,
               std::uint64_t body_bytes) {
  MessageParser parser(kind);
  Sink sink;
  for (auto _ : state) {
    parser.feed(head, sink);
    if (body_bytes > 0) parser.skip(body_bytes, {}, sink);
  }
  report(state, sink, head.size());
}

void request(benchmark::State& state) {
  run_whole(state, MessageKind::kRequest, kRequest, 0);
}
void traced_request_with_body(benchmark::State& state) {
  run_whole(state, MessageKind::kRequest, kTracedRequest, 100);
}
void response_with_body(benchmark::State& state) {
  run_whole(state, MessageKind::kResponse, kResponse, 615);
}

// As Go's net/http reads: the first byte alone.
void request_in_two_pieces(benchmark::State& state) {
  MessageParser parser(MessageKind::kRequest);
  Sink sink;
  for (auto _ : state) {
    parser.feed(kRequest.substr(0, 1), sink);
    parser.feed(kRequest.substr(1), sink);
  }
  report(state, sink, kRequest.size());
}

BENCHMARK(request);
BENCHMARK(traced_request_with_body);
BENCHMARK(response_with_body);
BENCHMARK(request_in_two_pieces);

}  // namespace
}  // namespace kernspan::http1

BENCHMARK_MAIN();
