// The least that can be done in C++ between two gRPC connections: the message goes on as it came,
// after one pass over every field of every span.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <protozero/pbf_reader.hpp>
#include <thread>

#include "pipeline/otlp/rpc_status.h"
#include "tests/bench/engine/grpc_peer.h"

namespace kernspan::bench {
namespace {

constexpr std::size_t kCalls = 64;

std::size_t walk_spans(protozero::pbf_reader request) {
  std::size_t fields = 0;
  while (request.next(1)) {
    protozero::pbf_reader resource_spans = request.get_message();
    while (resource_spans.next(2)) {
      protozero::pbf_reader scope_spans = resource_spans.get_message();
      while (scope_spans.next(2)) {
        for (protozero::pbf_reader span = scope_spans.get_message(); span.next(); ++fields) {
          span.skip();
        }
      }
    }
  }
  return fields;
}

class Relay {
 public:
  explicit Relay(const PeerOptions& options)
      : stub_(open_channel(options)),
        gzip_(options.gzip),
        server_(options.listen_port, options.certificates, &Relay::take, this) {}

  void run() {
    server_.start(kCalls);
    std::thread driver([&] { drive(server_.queue()); });
    fmt::print("ready\n");
    std::fflush(stdout);
    wait_for_end_of_input();
    server_.stop();
    driver.join();
  }

 private:
  // One forwarded message; ends itself.
  class Forward final : public Operation {
   public:
    Forward(Relay& relay, GenericServer::Call& incoming) : incoming_(incoming) {
      if (relay.gzip_) context_.set_compression_algorithm(GRPC_COMPRESS_GZIP);
      call_ = relay.stub_.PrepareUnaryCall(&context_, otlp::kExportMethod, incoming.message(),
                                           &relay.server_.queue());
      incoming.message().Clear();
      call_->StartCall();
      call_->Finish(&response_, &status_, static_cast<Operation*>(this));
    }
    void proceed(bool) override {
      const std::unique_ptr<Forward> self(this);
      incoming_.answer(status_);
    }

   private:
    GenericServer::Call& incoming_;
    grpc::ClientContext context_;
    std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> call_;
    grpc::ByteBuffer response_;
    grpc::Status status_;
  };

  static void take(void* self, GenericServer::Call& call) {
    auto& relay = *static_cast<Relay*>(self);
    grpc::Slice message;
    if (!call.message().DumpToSingleSlice(&message).ok()) std::abort();
    relay.fields_ += walk_spans(
        protozero::pbf_reader(reinterpret_cast<const char*>(message.begin()), message.size()));
    new Forward(relay, call);
  }

  grpc::GenericStub stub_;
  const bool gzip_;
  std::size_t fields_ = 0;
  GenericServer server_;
};

}  // namespace

int run_relay(const PeerOptions& options) {
  Relay(options).run();
  return 0;
}

}  // namespace kernspan::bench
