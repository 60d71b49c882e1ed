#include <fmt/format.h>

#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/rpc_status.h"
#include "tests/bench/engine/grpc_peer.h"
#include "tests/bench/sample_spans.h"

namespace kernspan::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::milliseconds kAfterRefusal{20};

// One request at a time, always the same bytes, until the time is up. What is refused goes again.
class Sender final : public Operation {
 public:
  Sender(grpc::GenericStub& stub, grpc::CompletionQueue& queue, const grpc::ByteBuffer& request,
         const PeerOptions& options, Clock::time_point end)
      : stub_(stub), queue_(queue), request_(request), options_(options), end_(end) {}

  void send() {
    context_ = std::make_unique<grpc::ClientContext>();
    context_->set_deadline(std::chrono::system_clock::now() + kPatience);
    if (options_.gzip) context_->set_compression_algorithm(GRPC_COMPRESS_GZIP);
    call_ = stub_.PrepareUnaryCall(context_.get(), otlp::kExportMethod, request_, &queue_);
    call_->StartCall();
    call_->Finish(&response_, &status_, static_cast<Operation*>(this));
  }

  void proceed(bool) override {
    if (status_.ok()) {
      accepted_ += options_.spans_per_request;
    } else {
      ++refused_;
      std::this_thread::sleep_for(kAfterRefusal);
    }
    if (Clock::now() < end_) return send();
    is_done_ = true;
  }

  bool is_done() const { return is_done_; }
  std::uint64_t accepted() const { return accepted_; }
  std::uint64_t refused() const { return refused_; }

 private:
  grpc::GenericStub& stub_;
  grpc::CompletionQueue& queue_;
  const grpc::ByteBuffer& request_;
  const PeerOptions& options_;
  const Clock::time_point end_;
  std::unique_ptr<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> call_;
  grpc::ByteBuffer response_;
  grpc::Status status_;
  std::uint64_t accepted_ = 0;
  std::uint64_t refused_ = 0;
  bool is_done_ = false;
};

}  // namespace

int run_generator(const PeerOptions& options) {
  const auto channel = open_channel(options);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kPatience)) return 1;
  const grpc::ByteBuffer request = otlp::to_byte_buffer(sample_request(options.spans_per_request));
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(options.seconds));
  std::vector<std::unique_ptr<Sender>> senders;
  for (std::size_t i = 0; i < options.under_way; ++i) {
    senders.push_back(std::make_unique<Sender>(stub, queue, request, options, end));
    senders.back()->send();
  }
  std::size_t running = senders.size();
  void* tag = nullptr;
  bool ok = false;
  while (running != 0 && queue.Next(&tag, &ok)) {
    auto* sender = static_cast<Sender*>(static_cast<Operation*>(tag));
    sender->proceed(ok);
    if (sender->is_done()) --running;
  }
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  for (const auto& sender : senders) {
    accepted += sender->accepted();
    refused += sender->refused();
  }
  fmt::print("{}\n{}\n", accepted, refused);
  return 0;
}

}  // namespace kernspan::bench
