// Spans as encoders write them, read in one loop without a table: the fields that are known, with
// tags and lengths in their shortest form. Both the check of a request and its index are such a
// loop, and most of what a request costs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pipeline/otlp/span_index.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::otlp {

// Moves `cursor` to a field's content; false when it has no length, or one beyond the end.
inline bool enter_field(const char*& cursor, const char* end, std::size_t& length) {
  ++cursor;  // behind the tag
  if (cursor != end && static_cast<std::uint8_t>(*cursor) < 0x80) {
    length = static_cast<std::uint8_t>(*cursor++);
    return length <= static_cast<std::size_t>(end - cursor);
  }
  return read_length(cursor, end, length) == WireError::kNone;
}

template <std::size_t kBytes>
bool read_plain_id(const char*& cursor, const char* end, Id<kBytes>& id) {
  if (static_cast<std::size_t>(end - cursor) < 2 + kBytes || cursor[1] != char{kBytes})
    return false;
  std::memcpy(id.bytes.data(), cursor + 2, kBytes);
  cursor += 2 + kBytes;
  return true;
}

// Behind a tag of that many bytes, which are there.
template <std::size_t kTag, typename Number>
bool read_plain_fixed(const char*& cursor, const char* end, Number& number) {
  cursor += kTag;
  if (static_cast<std::size_t>(end - cursor) < sizeof(Number)) return false;
  number = read_little_endian<Number>(cursor);
  cursor += sizeof(Number);
  return true;
}

// A number below 128 behind a tag of one byte.
inline bool read_plain_enum(const char*& cursor, const char* end, std::uint8_t& value) {
  if (end - cursor < 2 || static_cast<std::uint8_t>(cursor[1]) >= 0x80) return false;
  value = static_cast<std::uint8_t>(cursor[1]);
  cursor += 2;
  return true;
}

inline bool read_plain_status(const char* cursor, const char* end, StatusCode& code) {
  while (cursor != end) {
    std::size_t length = 0;
    std::uint8_t value = 0;
    if (static_cast<std::uint8_t>(*cursor) == wire_tag(wire::status::kMessage, WireType::kBytes)) {
      if (!enter_field(cursor, end, length)) return false;
      cursor += length;
    } else if (static_cast<std::uint8_t>(*cursor) ==
               wire_tag(wire::status::kCode, WireType::kVarint)) {
      if (!read_plain_enum(cursor, end, value)) return false;
      const bool is_known = value <= static_cast<std::uint8_t>(StatusCode::kError);
      code = is_known ? static_cast<StatusCode>(value) : StatusCode::kUnset;
    } else {
      return false;
    }
  }
  return true;
}

// Fills in what a SpanView would have of ids, times, flags, kind and status. check_message(number,
// begin, end) looks into attributes, events and links; without it they are passed by. False when
// the span has anything that is not plain, well-formed or not: what is filled in then means nothing.
template <typename CheckMessage>
bool read_plain_span(const char* cursor, const char* end, IndexedSpan& span,
                     CheckMessage check_message) {
  constexpr auto tag = [](std::uint32_t field, WireType type) {
    return static_cast<std::uint8_t>(wire_tag(field, type));
  };
  constexpr std::uint8_t kFlagsTag = 0x80 | tag(wire::span::kFlags, WireType::kFixed32);
  while (cursor != end) {
    std::size_t length = 0;
    std::uint8_t value = 0;
    switch (const auto found = static_cast<std::uint8_t>(*cursor)) {
      case tag(wire::span::kAttributes, WireType::kBytes):
      case tag(wire::span::kEvents, WireType::kBytes):
      case tag(wire::span::kLinks, WireType::kBytes): {
        if (!enter_field(cursor, end, length)) return false;
        const char* const content = cursor;
        cursor += length;
        if (!check_message(found >> 3, content, cursor)) return false;
        break;
      }
      case tag(wire::span::kTraceId, WireType::kBytes):
        if (!read_plain_id(cursor, end, span.trace_id)) return false;
        break;
      case tag(wire::span::kSpanId, WireType::kBytes):
        if (!read_plain_id(cursor, end, span.span_id)) return false;
        break;
      case tag(wire::span::kParentSpanId, WireType::kBytes):
        if (!read_plain_id(cursor, end, span.parent_span_id)) return false;
        break;
      case tag(wire::span::kTraceState, WireType::kBytes):
      case tag(wire::span::kName, WireType::kBytes):
        if (!enter_field(cursor, end, length)) return false;
        cursor += length;
        break;
      case tag(wire::span::kKind, WireType::kVarint): {
        if (!read_plain_enum(cursor, end, value)) return false;
        const bool is_known = value <= static_cast<std::uint8_t>(SpanKind::kConsumer);
        span.kind = is_known ? static_cast<SpanKind>(value) : SpanKind::kUnspecified;
        break;
      }
      case tag(wire::span::kStartTimeUnixNano, WireType::kFixed64):
        if (!read_plain_fixed<1>(cursor, end, span.start_time_unix_ns)) return false;
        break;
      case tag(wire::span::kEndTimeUnixNano, WireType::kFixed64):
        if (!read_plain_fixed<1>(cursor, end, span.end_time_unix_ns)) return false;
        break;
      case tag(wire::span::kStatus, WireType::kBytes):
        if (!enter_field(cursor, end, length)) return false;
        if (!read_plain_status(cursor, cursor + length, span.status_code)) return false;
        cursor += length;
        break;
      case kFlagsTag:  // of two bytes
        if (end - cursor < 2 || cursor[1] != 1) return false;
        if (!read_plain_fixed<2>(cursor, end, span.flags)) return false;
        break;
      default:
        return false;
    }
  }
  return true;
}

}  // namespace kernspan::otlp
