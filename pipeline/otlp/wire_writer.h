// Writes protobuf's wire form from front to back, without knowing the length of a nested message
// before its end: the lengths are noted, and finish() puts them in while it copies once.
//
//   WireWriter span;
//   span.bytes(wire::span::kTraceId, id);
//   span.begin(wire::span::kStatus);
//   span.varint(wire::status::kCode, 2);
//   span.end();
//   std::string encoded = span.finish();
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::otlp {

// Less than 4 GiB in all.
class WireWriter {
 public:
  // A nested message, or the packed values of a repeated field. Each begin() has its end().
  void begin(std::uint32_t field);
  void end();

  void varint(std::uint32_t field, std::uint64_t value);
  void fixed32(std::uint32_t field, std::uint32_t value);
  void fixed64(std::uint32_t field, std::uint64_t value);
  void bytes(std::uint32_t field, std::string_view value);

  // The same without a tag: an element of packed values.
  void packed_varint(std::uint64_t value);
  void packed_fixed32(std::uint32_t value);
  void packed_fixed64(std::uint64_t value);

  // Fields that are encoded already.
  void raw(std::string_view fields) { out_ += fields; }

  bool empty() const { return out_.empty(); }
  // Everything written, with the lengths in their places; the writer starts over.
  std::string finish();

 private:
  // 32 bits are enough for what the header allows, and a request of empty messages has many.
  struct Nested {
    std::uint32_t position;  // in out_, where the length goes
    std::uint32_t size;
  };
  struct Open {
    std::size_t nested;        // index into nested_
    std::size_t length_bytes;  // of the lengths that go inside of it
  };

  void tag(std::uint32_t field, std::uint32_t type);

  std::string out_;  // all but the lengths of nested messages
  std::vector<Nested> nested_;
  std::vector<Open> open_;
  std::size_t length_bytes_ = 0;  // of all lengths that go in
};

}  // namespace kernspan::otlp
