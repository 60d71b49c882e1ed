// Reads the fields of one protobuf message from contiguous bytes, without exceptions.
// Spec: protobuf.dev/programming-guides/encoding. Groups (wire types 3 and 4) are refused: no OTLP
// message has ever had one.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace kernspan::otlp {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

enum class WireError : std::uint8_t {
  kNone,
  kTruncated,    // a field ends behind its message, or a length is larger than any message
  kVarint,       // more bytes than a number, or a length, can have
  kFieldNumber,  // 0, more than 29 bits, or one that protobuf keeps for itself (19000 to 19999)
  kWireType,     // a group, or one that does not exist
};

// For error messages.
constexpr const char* to_text(WireError error) {
  switch (error) {
    case WireError::kNone:
      break;
    case WireError::kTruncated:
      return "truncated";
    case WireError::kVarint:
      return "a number has too many bytes";
    case WireError::kFieldNumber:
      return "a field number that cannot be";
    case WireError::kWireType:
      return "a group, or a wire type that does not exist";
  }
  return "well-formed";
}

constexpr std::uint64_t wire_tag(std::uint32_t field, WireType type) {
  return std::uint64_t{field} << 3 | static_cast<std::uint64_t>(type);
}

// A varint carries 7 bits a byte.
constexpr std::size_t varint_size(std::uint64_t value) {
  if (value < 0x80) return 1;  // nearly all are
  return (static_cast<std::size_t>(std::bit_width(value)) + 6) / 7;
}

constexpr std::size_t bytes_field_size(std::uint32_t field, std::size_t size) {
  return varint_size(wire_tag(field, WireType::kBytes)) + varint_size(size) + size;
}

inline void append_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out += static_cast<char>(value | 0x80);
    value >>= 7;
  }
  out += static_cast<char>(value);
}

// Tag and length; the content is to follow.
inline void append_bytes_header(std::string& out, std::uint32_t field, std::size_t size) {
  append_varint(out, wire_tag(field, WireType::kBytes));
  append_varint(out, size);
}

inline void append_bytes_field(std::string& out, std::uint32_t field, std::string_view content) {
  append_bytes_header(out, field, content.size());
  out += content;
}

// Moves `cursor` behind a varint. Tags and lengths have at most five bytes, as protobuf has it.
template <unsigned kMaxBytes = 10>
WireError read_varint(const char*& cursor, const char* end, std::uint64_t& value) {
  std::uint64_t result = 0;
  for (unsigned shift = 0; shift < 7 * kMaxBytes; shift += 7) {
    if (cursor == end) return WireError::kTruncated;
    const auto byte = static_cast<std::uint8_t>(*cursor++);
    result |= std::uint64_t{byte & 0x7FU} << shift;
    if (byte < 0x80) {
      value = result;
      return WireError::kNone;
    }
  }
  return WireError::kVarint;
}

inline WireError read_tag(const char*& cursor, const char* end, std::uint32_t& number,
                          std::uint8_t& type) {
  constexpr std::uint64_t kMaxTag = 0xFFFF'FFFF;
  std::uint64_t tag = static_cast<std::uint8_t>(*cursor);
  if (tag < 0x80) {
    ++cursor;
  } else if (const WireError error = read_varint<5>(cursor, end, tag); error != WireError::kNone) {
    return error;
  }
  if (tag > kMaxTag || tag < 8) return WireError::kFieldNumber;
  number = static_cast<std::uint32_t>(tag >> 3);
  if (number >= 19'000 && number <= 19'999) return WireError::kFieldNumber;
  type = static_cast<std::uint8_t>(tag & 7);
  return WireError::kNone;
}

// Reads a length; `cursor` is then at the content, all of which is there.
inline WireError read_length(const char*& cursor, const char* end, std::size_t& length) {
  std::uint64_t value = 0;
  if (const WireError error = read_varint<5>(cursor, end, value); error != WireError::kNone) {
    return error;
  }
  if (value > static_cast<std::uint64_t>(end - cursor)) return WireError::kTruncated;
  length = value;
  return WireError::kNone;
}

template <typename Number>
Number read_little_endian(const char* bytes) {
  static_assert(std::endian::native == std::endian::little);
  Number number;
  std::memcpy(&number, bytes, sizeof number);
  return number;
}

// One field, borrowed from the message.
struct WireField {
  std::uint32_t number = 0;
  WireType type = WireType::kVarint;
  std::uint64_t value = 0;      // of a number
  std::string_view bytes = {};  // the content, of WireType::kBytes
  std::string_view whole = {};  // with tag and length

  bool is_bytes(std::uint32_t field) const { return number == field && type == WireType::kBytes; }
};

class WireReader {
 public:
  explicit WireReader(std::string_view message)
      : cursor_(message.data()), end_(message.data() + message.size()) {}

  // False at the end, and when what follows is not a field: then error() says why.
  bool next(WireField& field) {
    if (cursor_ == end_ || error_ != WireError::kNone) return false;
    const char* const begin = cursor_;
    std::uint8_t type = 0;
    error_ = read_tag(cursor_, end_, field.number, type);
    if (error_ != WireError::kNone) return false;
    field.type = static_cast<WireType>(type);
    error_ = read_content(field);
    if (error_ != WireError::kNone) return false;
    field.whole = {begin, static_cast<std::size_t>(cursor_ - begin)};
    return true;
  }

  WireError error() const { return error_; }

 private:
  WireError read_content(WireField& field) {
    switch (field.type) {
      case WireType::kVarint:
        return read_varint(cursor_, end_, field.value);
      case WireType::kBytes: {
        std::size_t length = 0;
        const WireError error = read_length(cursor_, end_, length);
        if (error != WireError::kNone) return error;
        field.bytes = {cursor_, length};
        cursor_ += length;
        return WireError::kNone;
      }
      case WireType::kFixed64:
        return read_fixed<std::uint64_t>(field);
      case WireType::kFixed32:
        return read_fixed<std::uint32_t>(field);
    }
    return WireError::kWireType;
  }

  template <typename Number>
  WireError read_fixed(WireField& field) {
    if (static_cast<std::size_t>(end_ - cursor_) < sizeof(Number)) return WireError::kTruncated;
    field.value = read_little_endian<Number>(cursor_);
    cursor_ += sizeof(Number);
    return WireError::kNone;
  }

  const char* cursor_;
  const char* end_;
  WireError error_ = WireError::kNone;
};

}  // namespace kernspan::otlp
