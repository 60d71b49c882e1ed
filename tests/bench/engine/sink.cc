#include <fmt/format.h>

#include <atomic>
#include <cstdio>
#include <protozero/pbf_reader.hpp>
#include <thread>

#include "tests/bench/engine/grpc_peer.h"

namespace kernspan::bench {
namespace {

constexpr std::size_t kCalls = 64;

// Headers only: the content of spans is not looked at.
std::size_t count_spans(protozero::pbf_reader request) {
  std::size_t spans = 0;
  while (request.next(1)) {
    protozero::pbf_reader resource_spans = request.get_message();
    while (resource_spans.next(2)) {
      protozero::pbf_reader scope_spans = resource_spans.get_message();
      while (scope_spans.next(2)) {
        scope_spans.skip();
        ++spans;
      }
    }
  }
  return spans;
}

void take(void* self, GenericServer::Call& call) {
  grpc::Slice message;
  if (!call.message().DumpToSingleSlice(&message).ok()) std::abort();
  const std::size_t spans = count_spans(
      protozero::pbf_reader(reinterpret_cast<const char*>(message.begin()), message.size()));
  static_cast<std::atomic<std::uint64_t>*>(self)->fetch_add(spans);
  call.message().Clear();
  call.answer(grpc::Status::OK);
}

}  // namespace

int run_sink(const PeerOptions& options) {
  std::atomic<std::uint64_t> spans{0};
  GenericServer server(options.listen_port, options.certificates, take, &spans);
  server.start(kCalls);
  std::thread driver([&] { drive(server.queue()); });
  fmt::print("ready\n");
  std::fflush(stdout);
  wait_for_end_of_input();
  server.stop();
  driver.join();
  fmt::print("{}\n", spans.load());
  return 0;
}

}  // namespace kernspan::bench
