// Drives a DirectionReader. Input: one control byte, then
//   operating: operations, each a byte (3 bits which, 5 bits an argument) and the bytes it takes:
//     items of any kind and size, frames in one or two items, jumps, settings
//   comparing: header blocks, each a byte of its size and its bytes; what a reader that joined some
//     blocks later takes for certain must be what nghttp2 has decoded from the first block on
#include <nghttp2/nghttp2.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/protocol/http2/direction_reader.h"
#include "agent/protocol/http2/frame.h"
#include "tests/fuzz/input.h"
#include "tests/unit/agent/protocol/http2/item_writer.h"
#include "tests/unit/agent/protocol/http2/wire.h"

namespace kernspan::http2 {
namespace {

constexpr std::size_t kFieldOverheadBytes = 32;

void check(bool holds) {
  if (!holds) __builtin_trap();
}

// Touches every byte, so that the sanitizers see a view that is not backed.
unsigned sum(std::string_view bytes) {
  unsigned total = 0;
  for (const char c : bytes) total += static_cast<unsigned char>(c);
  return total;
}

// What DirectionSink promises.
class PromiseCheck final : public DirectionSink {
 public:
  explicit PromiseCheck(DirectionLimits limits) : limits_(limits) {}

  void on_headers(std::uint32_t stream, std::int32_t, const HeaderBlock& block, bool) override {
    check_stream(stream);
    std::size_t list_bytes = 0;
    bool unknown = false;
    for (const Field& field : block.fields) {
      const std::string_view name = field.name.value_or("");
      const std::string_view value = field.value.value_or("");
      check(!field.name || field.value.has_value());
      total_ = total_ + sum(name) + sum(value);
      list_bytes += name.size() + value.size() + kFieldOverheadBytes;
      unknown = unknown || !field.name;
    }
    check(list_bytes <= limits_.header_list_bytes_max);
    check(block.has_unknown || !unknown);
    ++blocks;
  }
  void on_message(const ks_http2_message& message, std::int32_t) override {
    check_stream(message.stream);
    check(message.compressed <= 1);
  }
  void on_data(const ks_http2_data& data, std::int32_t) override { check_stream(data.stream); }
  void on_reset(std::uint32_t stream, std::uint32_t) override { check_stream(stream); }
  void on_goaway(std::uint32_t last_stream, std::uint32_t) override {
    check(last_stream <= kStreamMask);
  }
  void on_header_table_size(std::uint32_t) override {}
  void on_lost() override { ++losses; }

  std::uint64_t blocks = 0;
  std::uint64_t losses = 0;

 private:
  static void check_stream(std::uint32_t stream) { check(stream != 0 && stream <= kStreamMask); }

  DirectionLimits limits_;
  volatile unsigned total_ = 0;
};

// The frame in one item, or in two.
std::string frame_items(const std::string& frame, std::size_t split) {
  const std::size_t first = kFrameHeaderBytes + split;
  if (split == 0 || first >= frame.size()) return item(KS_HTTP2_FRAME, frame);
  return item(KS_HTTP2_FRAME, frame.substr(0, first)) +
         item(KS_HTTP2_PAYLOAD, frame.substr(first), static_cast<int>(first));
}

std::string next_frame(FuzzInput& input, unsigned argument) {
  constexpr FrameType kTypes[] = {FrameType::kHeaders,     FrameType::kContinuation,
                                  FrameType::kPushPromise, FrameType::kRstStream,
                                  FrameType::kGoaway,      FrameType::kSettings};
  const FrameType type = kTypes[(argument & 7) % 6];
  const std::uint8_t flags = input.take_byte();
  const std::uint8_t stream = input.take_byte() & 3;
  const std::uint8_t split = (argument & 8) != 0 ? input.take_byte() : std::uint8_t{0};
  return frame_items(frame_bytes(type, flags, stream, input.take(input.take_byte())), split);
}

std::string next_items(FuzzInput& input, unsigned operation, unsigned argument) {
  switch (operation) {
    case 0:
    case 1:
      return next_frame(input, argument);
    case 2: {  // an item of any kind
      const std::uint8_t flags = input.take_byte();
      const int offset = static_cast<std::int8_t>(input.take_byte());
      return item(static_cast<ks_http2_item_kind>(argument & 7), input.take(input.take_byte()),
                  offset, flags);
    }
    case 3:
      return std::string(input.take(argument));  // not an item at all
    case 4:
      return (argument & 1) != 0 ? data_item(argument >> 1, input.take_byte())
                                 : message_item(argument >> 1, input.take_byte());
    default:
      return (argument & 1) != 0 ? joined_item() : start_item();
  }
}

void feed_copy(DirectionReader& reader, std::uint32_t ordinal, const std::string& items,
               DirectionSink& sink) {
  const std::vector<char> copy(items.begin(), items.end());
  reader.feed(ordinal, {copy.data(), copy.size()}, sink);
}

void operate(DirectionLimits limits, FuzzInput input) {
  DirectionReader reader(limits);
  PromiseCheck sink(limits);
  std::uint32_t ordinal = 0;
  std::string record;
  while (!input.empty()) {
    const std::uint8_t byte = input.take_byte();
    const unsigned operation = byte >> 5;
    const unsigned argument = byte & 0x1f;
    if (operation < 6) {
      record += next_items(input, operation, argument);
      if ((argument & 16) != 0) continue;  // more items follow in the record
      feed_copy(reader, ordinal++, record, sink);
      record.clear();
    } else if (operation == 6) {
      ordinal += argument;
    } else {
      reader.limit_header_table(argument << 10);
    }
  }
  feed_copy(reader, ordinal, record, sink);
  check(reader.counters().lost == sink.losses);
  check(reader.counters().blocks >= sink.blocks);
}

using Fields = std::vector<std::pair<std::string, std::string>>;

// nghttp2's decoder, block by block.
class Reference {
 public:
  Reference() {
    check(nghttp2_hd_inflate_new(&inflater_) == 0);
    nghttp2_hd_inflate_change_table_size(inflater_, DirectionLimits{}.table_bytes_max);
  }
  ~Reference() { nghttp2_hd_inflate_del(inflater_); }
  Reference(const Reference&) = delete;
  Reference& operator=(const Reference&) = delete;

  // False if the block is not valid.
  bool decode(std::string_view block, Fields& fields) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(block.data());
    std::size_t left = block.size();
    for (;;) {
      nghttp2_nv field;
      int flags = 0;
      const auto consumed = nghttp2_hd_inflate_hd2(inflater_, &field, &flags, data, left, 1);
      if (consumed < 0) return false;
      data += consumed;
      left -= static_cast<std::size_t>(consumed);
      if ((flags & NGHTTP2_HD_INFLATE_EMIT) != 0) {
        fields.emplace_back(std::string(reinterpret_cast<char*>(field.name), field.namelen),
                            std::string(reinterpret_cast<char*>(field.value), field.valuelen));
      }
      if ((flags & NGHTTP2_HD_INFLATE_FINAL) != 0) break;
    }
    nghttp2_hd_inflate_end_headers(inflater_);
    return true;
  }

 private:
  nghttp2_hd_inflater* inflater_ = nullptr;
};

class Comparison final : public DirectionSink {
 public:
  explicit Comparison(bool exact) : exact_(exact) {}

  void on_headers(std::uint32_t, std::int32_t, const HeaderBlock& block, bool) override {
    came = true;
    check(!block.incomplete && block.fields.size() == expected->size());
    for (std::size_t i = 0; i < expected->size(); ++i) {
      const Field& field = block.fields[i];
      const auto& [name, value] = (*expected)[i];
      check(!field.name || *field.name == name);
      check(!field.value || *field.value == value);
      // The name that stands for unknown ones.
      if (exact_) check(field.value && (field.name || name == std::string(1, '\0')));
    }
  }
  void on_message(const ks_http2_message&, std::int32_t) override { check(false); }
  void on_data(const ks_http2_data&, std::int32_t) override { check(false); }
  void on_reset(std::uint32_t, std::uint32_t) override { check(false); }
  void on_goaway(std::uint32_t, std::uint32_t) override { check(false); }
  void on_header_table_size(std::uint32_t) override { check(false); }
  void on_lost() override {}

  const Fields* expected = nullptr;
  bool came = false;

 private:
  bool exact_;
};

struct Contender {
  Contender(const std::string& first, bool exact, DirectionLimits limits)
      : reader(limits), sink(exact) {
    reader.feed(ordinal++, first, sink);
  }
  void send(std::string_view block, const Fields& fields) {
    sink.expected = &fields;
    sink.came = false;
    reader.feed(ordinal++, item(KS_HTTP2_FRAME, headers_frames(1, block)), sink);
    check(sink.came);
  }
  DirectionReader reader;
  Comparison sink;
  std::uint32_t ordinal = 0;
};

void compare(std::uint8_t control, FuzzInput input) {
  const std::size_t joins_at = control >> 2 & 7;
  Reference reference;
  Contender exact(start_item(), true, {});
  Contender joined(joined_item(), false, {});
  Contender small(start_item(), false, {.table_bytes_max = 100});
  for (std::size_t i = 0; !input.empty(); ++i) {
    const std::string_view block = input.take(input.take_byte());
    Fields fields;
    if (!reference.decode(block, fields)) return;
    exact.send(block, fields);
    small.send(block, fields);
    if (i >= joins_at) joined.send(block, fields);
  }
}

}  // namespace
}  // namespace kernspan::http2

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan::http2;
  kernspan::FuzzInput input({reinterpret_cast<const char*>(data), size});
  const std::uint8_t control = input.take_byte();
  if ((control & 1) != 0) {
    compare(control, input);
  } else if ((control & 2) != 0) {
    operate({.block_bytes_max = 40, .header_list_bytes_max = 200, .table_bytes_max = 100}, input);
  } else {
    operate({}, input);
  }
  return 0;
}
