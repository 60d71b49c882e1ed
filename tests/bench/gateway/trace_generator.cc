#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/otlp/grpc_bytes.h"
#include "pipeline/otlp/rpc_status.h"
#include "pipeline/otlp/span_encoder.h"
#include "tests/bench/engine/grpc_peer.h"
#include "tests/bench/gateway/run.h"
#include "tests/bench/sample_spans.h"

namespace kernspan::bench {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::seconds kPatience{30};
constexpr std::chrono::milliseconds kAfterRefusal{20};
constexpr std::size_t kUnderWay = 4;
constexpr std::size_t kSpansTogether = 2;  // of a trace, in one request
constexpr std::size_t kRequestsOfTrace = 5;

// Requests that differ in their ids alone: those are written over the bytes of one that was encoded.
class RequestMaker {
 public:
  explicit RequestMaker(std::size_t spans) : spans_(spans) {
    const std::array<otlp::Attribute, 3> resource = {
        {{"service.name", "cart"}, {"service.version", "1.8.3"}, {"host.name", "node-17"}}};
    otlp::RequestEncoder encoder;
    encoder.begin_resource(otlp::encode_resource(resource));
    for (std::size_t i = 0; i < spans; ++i) encoder.add_span(span(i));
    bytes_ = std::string(encoder.take().joined().view());
    for (std::size_t i = 0, from = 0; i < spans; ++i) {
      const otlp::SpanData made = span(i);
      from = bytes_.find(made.trace_id.view(), from);
      positions_.push_back({from, bytes_.find(made.span_id.view(), from)});
    }
  }

  grpc::ByteBuffer next() {
    const std::uint64_t generation = number_ / kRequestsOfTrace;
    for (std::size_t i = 0; i < spans_; ++i) {
      const std::uint64_t trace = generation * spans_ + i / kSpansTogether;
      const std::array<std::uint64_t, 2> trace_id = {mixed(2 * trace + 1), mixed(2 * trace + 2)};
      const std::uint64_t span_id = mixed(number_ * spans_ + i);
      std::memcpy(bytes_.data() + positions_[i].trace_id, trace_id.data(), sizeof trace_id);
      std::memcpy(bytes_.data() + positions_[i].span_id, &span_id, sizeof span_id);
    }
    ++number_;
    const grpc::Slice slice(bytes_.data(), bytes_.size());
    return {&slice, 1};
  }

  std::size_t bytes() const { return bytes_.size(); }

 private:
  struct Positions {
    std::size_t trace_id;
    std::size_t span_id;
  };

  // splitmix64: ids as random as real ones.
  static std::uint64_t mixed(std::uint64_t value) {
    value += 0x9E37'79B9'7F4A'7C15;
    value = (value ^ value >> 30) * 0xBF58'476D'1CE4'E5B9;
    value = (value ^ value >> 27) * 0x94D0'49BB'1331'11EB;
    return value ^ value >> 31;
  }

  // Of each hundred traces two have errors, two are slow, one answered 503.
  static otlp::SpanData span(std::size_t number) {
    static std::array<otlp::Attribute, 20> attributes;
    std::ranges::copy(sample_attributes(), attributes.begin());
    const std::size_t trace = number / kSpansTogether % 100;
    if (trace == 4) attributes[1].value = std::int64_t{503};
    otlp::SpanData span;
    span.name = "GET /api/v1/cart/items";
    span.kind = otlp::SpanKind::kServer;
    span.start_time_unix_ns = 1'700'000'000'000'000'000;
    span.end_time_unix_ns =
        span.start_time_unix_ns + (trace == 2 || trace == 3 ? 2'000'000'000 : 1'000'000);
    if (trace < 2) span.status_code = otlp::StatusCode::kError;
    const std::uint64_t id = mixed(number) | 1;
    std::memcpy(span.trace_id.bytes.data(), &id, sizeof id);
    std::memcpy(span.trace_id.bytes.data() + sizeof id, &id, sizeof id);
    const std::uint64_t span_id = mixed(~number);
    std::memcpy(span.span_id.bytes.data(), &span_id, sizeof span_id);
    std::memcpy(span.parent_span_id.bytes.data(), &id, sizeof id);
    span.attributes = attributes;
    return span;
  }

  const std::size_t spans_;
  std::string bytes_;
  std::vector<Positions> positions_;
  std::uint64_t number_ = 0;
};

struct Pace {
  double seconds_per_request = 0;
  Clock::time_point next = Clock::now();

  void wait() {
    if (seconds_per_request == 0) return;
    std::this_thread::sleep_until(next);
    next += std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(seconds_per_request));
  }
};

struct Call {
  grpc::ByteBuffer request;
  std::unique_ptr<grpc::ClientContext> context;
  std::unique_ptr<grpc::ClientAsyncResponseReader<grpc::ByteBuffer>> call;
  grpc::ByteBuffer response;
  grpc::Status status;

  void send(grpc::GenericStub& stub, grpc::CompletionQueue& queue) {
    context = std::make_unique<grpc::ClientContext>();
    context->set_deadline(std::chrono::system_clock::now() + kPatience);
    call = stub.PrepareUnaryCall(context.get(), otlp::kExportMethod, request, &queue);
    call->StartCall();
    call->Finish(&response, &status, this);
  }
};

}  // namespace

int run_trace_generator(const GeneratorOptions& options) {
  const Load& load = options.load;
  PeerOptions peer;
  peer.peer_port = options.peer_port;
  const auto channel = open_channel(peer);
  if (!channel->WaitForConnected(std::chrono::system_clock::now() + kPatience)) return 1;
  grpc::GenericStub stub(channel);
  grpc::CompletionQueue queue;
  RequestMaker maker(load.spans_per_request);
  Pace pace;
  if (load.spans_per_second > 0) {
    pace.seconds_per_request = static_cast<double>(load.spans_per_request) / load.spans_per_second;
  }
  const auto end = Clock::now() + std::chrono::duration_cast<Clock::duration>(
                                      std::chrono::duration<double>(load.seconds));
  std::array<Call, kUnderWay> calls;
  std::size_t running = 0;
  const auto send_next = [&](Call& call) {
    pace.wait();
    if (Clock::now() >= end) return;
    call.request = maker.next();
    call.send(stub, queue);
    ++running;
  };
  for (Call& call : calls) send_next(call);
  std::uint64_t accepted = 0;
  std::uint64_t refused = 0;
  void* tag = nullptr;
  bool ok = false;
  while (running != 0 && queue.Next(&tag, &ok)) {
    auto& call = *static_cast<Call*>(tag);
    if (!call.status.ok()) {
      ++refused;
      if (Clock::now() > end + kPatience) {  // nobody takes it; the others end in time as well
        --running;
        continue;
      }
      std::this_thread::sleep_for(kAfterRefusal);
      call.send(stub, queue);
      continue;
    }
    --running;
    accepted += load.spans_per_request;
    send_next(call);
  }
  fmt::print("{}\n{}\n{}\n", accepted, refused, maker.bytes());
  return 0;
}

}  // namespace kernspan::bench
