// What one exchange costs the agent: two events decoded, parsed, paired, linked, and a span encoded; of HTTP/1
// and of gRPC, whose clients are not on this node; and of HTTP/1 with both ends on it, which is twice that.
// CPU time of one thread; compare with the CPU per request that tests/bench/overhead prints.
#include <benchmark/benchmark.h>

#include "tests/unit/agent/receiver/event_story.h"
#include "tests/unit/agent/receiver/frame_script.h"

namespace kernspan {
namespace {

constexpr std::string_view kRequest =
    "GET /index.html HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: wrk\r\n\r\n";
constexpr std::string_view kResponse =
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Fri, 20 Nov 2026 12:00:00 "
    "GMT\r\nContent-Type: text/html\r\n"
    "Content-Length: 612\r\nLast-Modified: Fri, 20 Nov 2026 11:00:00 GMT\r\nConnection: "
    "keep-alive\r\n"
    "ETag: \"637a1d2a-264\"\r\nAccept-Ranges: bytes\r\n\r\n";

void server_exchange(benchmark::State& state) {
  process::ProcessTable::Settings table;
  table.proc_root = "/nonexistent-proc";
  std::uint64_t now_ns = 0;
  process::ProcessTable processes(table, {}, [&] { return now_ns; });
  std::uint64_t next_id = 0;
  Tracer tracer({}, processes, {}, [&] { return ++next_id; }, [](std::uint32_t, bool) {});
  EventStory story(tracer);
  otlp::RequestEncoder encoder;
  std::vector<std::pair<StorySocket, StoryThread>> connections;
  for (std::uint32_t i = 0; i < 64; ++i) {
    connections.emplace_back(story.connect_pair(8080).second, StoryThread{.tgid = 7, .tid = 7});
  }
  std::size_t spans = 0;
  std::size_t bytes = 0;
  std::size_t next = 0;
  for (auto _ : state) {
    auto& [socket, thread] = connections[next++ % connections.size()];
    story.recv(socket, thread, kRequest);
    story.send(socket, thread, kResponse, 612);
    story.now_ns += 8'000;
    if (next % 512 != 0) continue;
    now_ns = story.now_ns;
    tracer.flush(now_ns, 0, encoder);
    const otlp::Batch batch = encoder.take();
    spans += batch.item_count();
    bytes += batch.byte_count();
  }
  state.counters["bytes_per_span"] = static_cast<double>(bytes) / static_cast<double>(spans);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(server_exchange);

// Both ends on one node, over one of its addresses: two spans, joined by the wire.
void local_exchange(benchmark::State& state) {
  process::ProcessTable::Settings table;
  table.proc_root = "/nonexistent-proc";
  std::uint64_t now_ns = 0;
  process::ProcessTable processes(table, {}, [&] { return now_ns; });
  std::uint64_t next_id = 0;
  Tracer tracer({}, processes, {}, [&] { return ++next_id; }, [](std::uint32_t, bool) {});
  EventStory story(tracer);
  otlp::RequestEncoder encoder;
  constexpr StoryThread kClient{.tgid = 6, .tid = 6};
  constexpr StoryThread kServer{.tgid = 7, .tid = 7};
  std::vector<std::pair<StorySocket, StorySocket>> connections;
  for (std::uint32_t i = 0; i < 64; ++i) connections.push_back(story.connect_pair(8080));
  std::size_t next = 0;
  for (auto _ : state) {
    auto& [client, server] = connections[next++ % connections.size()];
    story.send(client, kClient, kRequest);
    story.recv(server, kServer, kRequest);
    story.send(server, kServer, kResponse, 612);
    story.recv(client, kClient, kResponse, 612);
    story.now_ns += 8'000;
    if (next % 512 != 0) continue;
    now_ns = story.now_ns;
    tracer.flush(now_ns, 0, encoder);
    benchmark::DoNotOptimize(encoder.take().byte_count());
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(local_exchange);

struct RecordedCall {
  std::pair<std::string, std::uint32_t> request;
  std::pair<std::string, std::uint32_t> response;
};

// Unary calls of one connection. All but the first have their fields indexed.
std::vector<RecordedCall> unary_calls(std::uint32_t count) {
  FrameScript up, down;
  up.preface();
  down.start();
  std::vector<RecordedCall> calls;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t id = 2 * i + 1;
    up.headers(id, {{":method", "POST"},
                    {":scheme", "http"},
                    {":path", "/shop.Cart/Add"},
                    {":authority", "cart.example:50051"},
                    {"te", "trailers"},
                    {"content-type", "application/grpc"},
                    {"user-agent", "grpc-c++/1.51.1 grpc-c/29.0.0 (linux; chttp2)"},
                    {"grpc-accept-encoding", "identity, deflate, gzip"}});
    up.message(id, 40).end(id);
    down.headers(id, {{":status", "200"}, {"content-type", "application/grpc"}});
    down.message(id, 60).trailers(id, {{"grpc-status", "0"}});
    calls.push_back({.request = up.take(), .response = down.take()});
  }
  return calls;
}

void server_call(benchmark::State& state) {
  process::ProcessTable::Settings table;
  table.proc_root = "/nonexistent-proc";
  std::uint64_t now_ns = 0;
  process::ProcessTable processes(table, {}, [&] { return now_ns; });
  std::uint64_t next_id = 0;
  Tracer tracer({}, processes, {}, [&] { return ++next_id; }, [](std::uint32_t, bool) {});
  EventStory story(tracer);
  otlp::RequestEncoder encoder;
  constexpr std::size_t kConnections = 64;
  constexpr StoryThread kThread{.tgid = 7, .tid = 7};
  const std::vector<RecordedCall> calls = unary_calls(20'000);
  std::vector<StorySocket> sockets;
  std::size_t spans = 0;
  std::size_t bytes = 0;
  std::size_t next = 0;
  for (auto _ : state) {
    const RecordedCall& call = calls[next / kConnections % calls.size()];
    if (next % (kConnections * calls.size()) == 0) {
      for (const StorySocket& socket : sockets) story.close(socket);
      sockets.clear();
      for (std::size_t i = 0; i < kConnections; ++i) {
        sockets.push_back(story.connect_pair(50051).second);
      }
    }
    StorySocket& socket = sockets[next++ % kConnections];
    story.recv_http2(socket, kThread, call.request.first, call.request.second);
    story.send_http2(socket, kThread, call.response.first, call.response.second);
    story.now_ns += 8'000;
    if (next % 512 != 0) continue;
    now_ns = story.now_ns;
    tracer.flush(now_ns, 0, encoder);
    const otlp::Batch batch = encoder.take();
    spans += batch.item_count();
    bytes += batch.byte_count();
  }
  state.counters["bytes_per_span"] = static_cast<double>(bytes) / static_cast<double>(spans);
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(server_call);

}  // namespace
}  // namespace kernspan

BENCHMARK_MAIN();
