// The stitcher on a story of bytes: spans and announcements of a few traces in any order, time that
// passes, owners that change, and requests that are nobody's. Each step is a byte that says what
// happens and the bytes it takes. Nothing may be lost, be there twice, or stay for ever, and no bound
// may be exceeded.
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gateway/stitch/intake.h"
#include "gateway/stitch/stitch_table.h"
#include "gateway/stitch/stitch_writer.h"
#include "pipeline/base/metrics.h"
#include "pipeline/base/wire_identity.h"
#include "pipeline/otlp/span_encoder.h"
#include "tests/fuzz/input.h"

namespace kernspan::stitch {
namespace {

constexpr std::size_t kMaxSteps = 400;
constexpr StitchSettings kLimits = {.wait = std::chrono::nanoseconds(50),
                                    .announcement_wait = std::chrono::nanoseconds(100),
                                    .max_waiting_traces = 6,
                                    .max_waiting_bytes = 20'000,
                                    .max_announcements = 5,
                                    .max_remembered_traces = 7,
                                    .skew_action = SkewAction::kCorrect};

void check(bool holds) {
  if (!holds) __builtin_trap();
}

TraceId trace_of(std::uint8_t number) {
  TraceId id;
  id.bytes[0] = number % 12;  // 0 is no id
  return id;
}

class Story {
 public:
  explicit Story(FuzzInput input) : input_(input) {}

  void run() {
    for (std::size_t step = 0; step < kMaxSteps && !input_.empty(); ++step) {
      switch (input_.take_byte() % 6) {
        case 0:
        case 1:
          take(spans(), false);
          break;
        case 2:
          now_ += input_.take_byte();
          expire();
          break;
        case 3:
          mine_ = input_.take_byte();
          give_up();
          break;
        case 4:
          take(announcement(), true);
          break;
        case 5:
          arbitrary();
          break;
      }
      check_bounds();
    }
    std::vector<Ready> ready;
    table_.release_all(ready);
    out(std::move(ready));
    check(table_.waiting_bytes() == 0 && table_.waiting_traces() == 0);
    check(taken_ == passed_on_);
  }

 private:
  bool owns(const TraceId& id) const { return (mine_ >> (id.bytes[0] % 8) & 1) != 0; }

  otlp::Batch spans() {
    otlp::RequestEncoder encoder;
    const std::size_t count = 1 + input_.take_byte() % 4;
    for (std::size_t i = 0; i < count; ++i) {
      const std::string node(1, static_cast<char>('a' + input_.take_byte() % 3));
      const otlp::Attribute host = {"host.name", std::string_view(node)};
      encoder.begin_resource(otlp::encode_resource(std::span(&host, 1)));
      const std::uint8_t flags = input_.take_byte();
      const std::string peer = (flags & 2) != 0 ? trace_of(input_.take_byte()).hex() : "cafe";
      std::vector<otlp::Attribute> attributes;
      if ((flags & 1) != 0) attributes.push_back({kStitchDerivedKey, true});
      if ((flags & 6) != 0) {
        attributes.push_back({kStitchPeerTraceIdKey, std::string_view(peer)});
      }
      SpanId id;
      SpanId parent;
      id.bytes[0] = input_.take_byte();
      if ((flags & 8) != 0) parent.bytes[0] = input_.take_byte();
      const std::uint64_t start = std::uint64_t{input_.take_byte()} << (flags >> 4 << 2);
      encoder.add_span({.trace_id = trace_of(input_.take_byte()),
                        .span_id = id,
                        .parent_span_id = parent,
                        .trace_state = {},
                        .name = "span",
                        .start_time_unix_ns = start,
                        .end_time_unix_ns = start + input_.take_byte(),
                        .status_message = {},
                        .attributes = attributes});
    }
    return encoder.take();
  }

  otlp::Batch announcement() {
    Announcement made;
    made.peer = trace_of(input_.take_byte());
    made.trace = trace_of(input_.take_byte());
    made.span.bytes[0] = input_.take_byte();
    made.trace_is_derived = input_.take_byte() % 2 != 0;
    return encode_announcements(std::span(&made, 1));
  }

  // Bytes that may be a request: what of them is one is read like any other.
  void arbitrary() {
    auto batch = otlp::Batch::from_wire(std::string(input_.take(input_.take_byte())));
    if (batch && !batch->empty()) take(*std::move(batch), input_.take_byte() % 2 != 0);
  }

  void take(otlp::Batch batch, bool from_peer) {
    const std::size_t spans = batch.item_count();
    if (!may_have_marks(batch)) return;
    Intake intake = sort_out(std::move(batch), from_peer, (mine_ & 1) != 0);
    check(intake.plain.item_count() + intake.derived.item_count() + intake.handed_over == spans);
    check(otlp::SpanIndex(intake.plain).size() == intake.plain.item_count());
    taken_ += intake.derived.item_count();
    std::vector<Ready> ready;
    for (const Announcement& each : intake.announcements) {
      table_.add_announcement(each, now_, ready);
    }
    if (!intake.derived.empty()) {
      table_.add_spans(std::make_shared<Source>(intake.derived), now_, ready);
    }
    out(std::move(ready));
  }

  void expire() {
    std::vector<Ready> ready;
    table_.expire(now_, ready);
    out(std::move(ready));
    const auto due = table_.next_due_ns();
    check(!due || *due > now_);
  }

  void give_up() {
    std::vector<Ready> ready;
    std::vector<Announcement> announcements;
    table_.give_up([this](const TraceId& id) { return owns(id); }, ready, announcements);
    out(std::move(ready));
  }

  void out(std::vector<Ready> ready) {
    std::size_t spans = 0;
    for (const Ready& each : ready) spans += each.part.span_count();
    const otlp::Batch batch = write_ready(std::move(ready), kLimits, counters_);
    check(batch.item_count() == spans);
    check(otlp::SpanIndex(batch).size() == spans);
    passed_on_ += spans;
  }

  void check_bounds() const {
    check(table_.waiting_traces() <= kLimits.max_waiting_traces);
    check(table_.waiting_bytes() <= kLimits.max_waiting_bytes);
    check(table_.announcements() <= kLimits.max_announcements);
    check(table_.remembered_traces() <= kLimits.max_remembered_traces);
    check((table_.waiting_traces() == 0) == (table_.waiting_bytes() == 0));
  }

  FuzzInput input_;
  Metrics metrics_;
  StitchCounters counters_{metrics_, {}};
  std::uint8_t mine_ = 0xFF;
  StitchTable table_{kLimits, KeyedIdHash(1), counters_,
                     [this](const TraceId& id) { return owns(id); }};
  std::uint64_t now_ = 1000;
  std::size_t taken_ = 0;
  std::size_t passed_on_ = 0;
};

}  // namespace
}  // namespace kernspan::stitch

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  kernspan::stitch::Story(kernspan::FuzzInput(bytes)).run();
  return 0;
}
