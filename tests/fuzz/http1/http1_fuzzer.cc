// Drives an HTTP/1 parser with feeds, skips, losses and ends of the connection, and checks that
// what it reports is in order. Input: one control byte, then
//   splitting: a count, so many piece sizes, the stream; the log must not depend on the pieces
//   operating: operations, each a byte (2 bits which, 6 bits size) and the bytes that it takes
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "agent/protocol/http1/message_parser.h"
#include "tests/fuzz/input.h"
#include "tests/unit/agent/protocol/http1/event_log.h"

namespace kernspan::http1 {
namespace {

constexpr std::size_t kSmallLimit = 64;

void check(bool holds) {
  if (!holds) __builtin_trap();
}

// The order of calls that MessageSink promises.
class OrderCheck final : public MessageSink {
 public:
  OrderCheck(MessageKind kind, Limits limits, BodyRule rule)
      : kind_(kind), limits_(limits), rule_(rule) {}

  void on_begin() override {
    check(place_ == Place::kBetween);
    place_ = Place::kBegun;
  }
  BodyRule on_head(const Head& head) override {
    check(place_ == Place::kBegun && head.kind == kind_);
    place_ = Place::kHead;
    check(kind_ == MessageKind::kRequest ? !head.method.empty()
                                         : head.status >= 100 && head.status <= 999);
    check(head.truncated || kind_ == MessageKind::kResponse || !head.target.empty());
    check(head.head_bytes > 0 && head.head_bytes <= limits_.head_bytes_max);
    for (const std::string_view field :
         {head.method, head.target, head.host, head.user_agent, head.content_type, head.upgrade,
          head.traceparent, head.tracestate, head.b3, head.b3_trace_id, head.b3_span_id,
          head.b3_parent_span_id, head.b3_sampled, head.b3_flags}) {
      check(field.find('\0') == std::string_view::npos);
      check(field.find('\n') == std::string_view::npos);
    }
    length_ = head.content_length;
    return rule_;
  }
  void on_end(MessageEnd end, std::optional<std::uint64_t> body_bytes) override {
    check(place_ == Place::kHead || (place_ == Place::kBegun && end == MessageEnd::kAborted));
    if (end == MessageEnd::kComplete && length_ && body_bytes) {
      check(*body_bytes == 0 || *body_bytes == *length_);
    }
    length_.reset();
    place_ = Place::kBetween;
  }
  void on_invalid(std::string_view reason) override {
    check(place_ != Place::kBetween && !reason.empty());
    place_ = Place::kBetween;
  }
  void on_lost() override { place_ = Place::kBetween; }

  bool is_between() const { return place_ == Place::kBetween; }

 private:
  enum class Place { kBetween, kBegun, kHead };
  MessageKind kind_;
  Limits limits_;
  BodyRule rule_;
  Place place_ = Place::kBetween;
  std::optional<std::uint64_t> length_;
};

struct Control {
  explicit Control(std::uint8_t byte)
      : kind((byte & 1) != 0 ? MessageKind::kResponse : MessageKind::kRequest),
        operates((byte & 2) != 0) {
    if ((byte & 0x0c) == 0x08) rule = BodyRule::kNone;
    if ((byte & 0x0c) == 0x0c) rule = BodyRule::kTunnel;
    if ((byte & 0x10) != 0) limits.head_bytes_max = kSmallLimit;
  }
  MessageKind kind;
  bool operates;
  BodyRule rule = BodyRule::kByHead;
  Limits limits;
};

// A copy of the exact size, so that reading beyond it is seen.
ParseOutcome feed_copy(MessageParser& parser, std::string_view bytes, MessageSink& sink) {
  const std::vector<char> copy(bytes.begin(), bytes.end());
  return parser.feed({copy.data(), copy.size()}, sink);
}

void operate(const Control& control, FuzzInput input) {
  MessageParser parser(control.kind, control.limits);
  OrderCheck sink(control.kind, control.limits, control.rule);
  while (!input.empty()) {
    const std::uint8_t operation = input.take_byte();
    const std::uint8_t size = operation & 0x3f;
    switch (operation >> 6) {
      case 0: {
        const ParseOutcome outcome = feed_copy(parser, input.take(size), sink);
        if (outcome == ParseOutcome::kFrame) check(sink.is_between());
        break;
      }
      case 1: {
        const std::string_view tail = input.take(input.take_byte() % 9);
        parser.skip(size, tail, sink);
        break;
      }
      case 2:
        parser.lose(sink);
        break;
      default:
        parser.finish(sink);
        check(sink.is_between());
        break;
    }
    if (parser.at_message_boundary()) check(sink.is_between());
    if (parser.in_body()) check(!sink.is_between());
  }
}

void split(const Control& control, FuzzInput input) {
  std::vector<std::size_t> sizes;
  const std::size_t count = input.take_byte() % 16;
  for (std::size_t i = 0; i < count; ++i) sizes.push_back(input.take_byte() + 1U);
  if (sizes.empty()) sizes.push_back(1);
  const std::string_view stream = input.take(SIZE_MAX);

  MessageParser whole_parser(control.kind, control.limits);
  EventLog whole({control.rule});
  feed_copy(whole_parser, stream, whole);

  MessageParser split_parser(control.kind, control.limits);
  EventLog pieces({control.rule});
  FuzzInput left(stream);
  for (std::size_t i = 0; !left.empty(); ++i) {
    feed_copy(split_parser, left.take(sizes[i % sizes.size()]), pieces);
  }
  check(whole.in_step() == pieces.in_step());
}

}  // namespace
}  // namespace kernspan::http1

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan::http1;
  kernspan::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const Control control(input.take_byte());
  control.operates ? operate(control, input) : split(control, input);
  return 0;
}
