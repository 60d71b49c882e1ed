#include "pipeline/otlp/message_check.h"

#include <fmt/format.h>

#include <cstdint>
#include <utility>

#include "pipeline/otlp/plain_span.h"
#include "pipeline/otlp/request_check.h"
#include "pipeline/otlp/span_findings.h"

namespace kernspan::otlp {
namespace {

std::size_t id_size(FieldType type) {
  return type == FieldType::kTraceId ? 16 : 8;
}

// The wire type that a field has, but for packed numbers.
WireType wire_type_of(FieldType type) {
  switch (type) {
    case FieldType::kVarint:
    case FieldType::kPackedVarint:
      return WireType::kVarint;
    case FieldType::kFixed32:
      return WireType::kFixed32;
    case FieldType::kFixed64:
    case FieldType::kPackedFixed64:
      return WireType::kFixed64;
    default:
      return WireType::kBytes;
  }
}

const char* expected_text(FieldType type) {
  switch (type) {
    case FieldType::kMessage:
    case FieldType::kKeyValue:
      return "is not a message";
    case FieldType::kBytes:
    case FieldType::kTraceId:
    case FieldType::kSpanId:
      return "is not bytes";
    default:
      return "is not a number of its type";
  }
}

std::uint8_t byte_at(const char* cursor) {
  return static_cast<std::uint8_t>(*cursor);
}

// A KeyValue as nearly all are: key and value in order, lengths of one byte, the value a string, a
// number or a bool. What is not recognised goes the long way.
bool is_plain_key_value(const char* cursor, const char* end) {
  constexpr char kKeyTag = 1 << 3 | 2;
  constexpr char kValueTag = 2 << 3 | 2;
  if (end - cursor < 4 || cursor[0] != kKeyTag || byte_at(cursor + 1) >= 0x80) return false;
  const char* const value = cursor + 2 + byte_at(cursor + 1);
  if (end - value < 4 || value[0] != kValueTag || end - value - 2 != byte_at(value + 1)) {
    return false;  // a length of 0x80 and more has another byte, which this comparison counts
  }
  const char* any = value + 2;
  if (byte_at(value + 1) >= 0x80) return false;
  switch (any[0]) {
    case 1 << 3 | 2:  // string
      return end - any - 2 == byte_at(any + 1) && byte_at(any + 1) < 0x80;
    case 2 << 3 | 0:  // bool
      return end - any == 2 && byte_at(any + 1) < 0x80;
    case 3 << 3 | 0: {  // int
      std::uint64_t number = 0;
      ++any;
      return read_varint(any, end, number) == WireError::kNone && any == end;
    }
    case 4 << 3 | 1:  // double
      return end - any == 9;
    default:
      return false;
  }
}

std::string reason_of(const FieldRule& rule, WireError error) {
  return *rule.name == '\0' ? to_text(error) : fmt::format("{}: {}", rule.name, to_text(error));
}

// Of no use outside this file, so that the compiler may make one loop of it.
class Checker {
 public:
  explicit Checker(SpanFindings* findings) : findings_(findings) {}

  bool message(MessageName name, const char* cursor, const char* end, int depth);

  std::size_t items() const { return items_; }
  std::string& reason() { return reason_; }

 private:
  bool field(const FieldRule& rule, WireType type, const char*& cursor, const char* end, int depth);
  bool content(const FieldRule& rule, const char* cursor, const char* end, int depth);
  bool packed_varints(const FieldRule& rule, const char* cursor, const char* end);
  bool span(const FieldRule& rule, const char* cursor, const char* end, int depth);
  bool is_plain_span(const char* cursor, const char* end, int depth);
  bool wrong(const FieldRule& rule, WireError error) { return refuse(reason_of(rule, error)); }
  bool refuse(std::string reason);

  SpanFindings* const findings_;
  std::size_t items_ = 0;
  std::string reason_;
};

bool Checker::refuse(std::string reason) {
  reason_ = std::move(reason);
  return false;
}

bool Checker::message(MessageName name, const char* cursor, const char* end, int depth) {
  static constexpr FieldRule kUnknownField;
  if (depth > kMaxMessageDepth) return refuse("messages are nested too deep");
  const MessageRule& rules = rule_of(name);
  while (cursor != end) {
    std::uint32_t number = 0;
    std::uint8_t type = 0;
    if (const WireError error = read_tag(cursor, end, number, type); error != WireError::kNone) {
      return refuse(to_text(error));
    }
    const FieldRule& rule = number <= kMaxKnownField ? rules[number] : kUnknownField;
    if (!field(rule, static_cast<WireType>(type), cursor, end, depth)) return false;
  }
  return true;
}

bool Checker::field(const FieldRule& rule, WireType type, const char*& cursor, const char* end,
                    int depth) {
  const bool is_known = rule.type != FieldType::kUnknown;
  WireError error = WireError::kNone;
  std::uint64_t number = 0;
  std::size_t length = 0;
  switch (type) {
    case WireType::kBytes: {
      error = read_length(cursor, end, length);
      if (error != WireError::kNone) return wrong(rule, error);
      const char* const begin = cursor;
      cursor += length;
      return !is_known || content(rule, begin, cursor, depth);
    }
    case WireType::kVarint:
      error = read_varint(cursor, end, number);
      break;
    case WireType::kFixed64:
    case WireType::kFixed32:
      length = type == WireType::kFixed64 ? 8 : 4;
      if (static_cast<std::size_t>(end - cursor) < length)
        return wrong(rule, WireError::kTruncated);
      cursor += length;
      break;
    default:
      error = WireError::kWireType;
  }
  if (error != WireError::kNone) return wrong(rule, error);
  if (is_known && wire_type_of(rule.type) != type) {
    return refuse(fmt::format("{} {}", rule.name, expected_text(rule.type)));
  }
  return true;
}

// Of a known field of wire type kBytes.
bool Checker::content(const FieldRule& rule, const char* cursor, const char* end, int depth) {
  const auto size = static_cast<std::size_t>(end - cursor);
  switch (rule.type) {
    case FieldType::kKeyValue:
      // Such a one is a message in a message.
      if (depth + 2 <= kMaxMessageDepth && is_plain_key_value(cursor, end)) return true;
      return message(rule.message, cursor, end, depth + 1);
    case FieldType::kMessage:
      if (rule.is_item) ++items_;
      return rule.message == MessageName::kSpan ? span(rule, cursor, end, depth + 1)
                                                : message(rule.message, cursor, end, depth + 1);
    case FieldType::kTraceId:
    case FieldType::kSpanId:
      if (size == id_size(rule.type) || size == 0) return true;
      return refuse(
          fmt::format("{} has {} bytes instead of {}", rule.name, size, id_size(rule.type)));
    case FieldType::kBytes:
      return true;
    case FieldType::kPackedVarint:
      return packed_varints(rule, cursor, end);
    case FieldType::kPackedFixed64:
      if (size % 8 == 0) return true;
      return wrong(rule, WireError::kTruncated);
    default:
      return refuse(fmt::format("{} {}", rule.name, expected_text(rule.type)));
  }
}

// A span that is not plain goes the long way, which has the reason.
bool Checker::span(const FieldRule& rule, const char* cursor, const char* end, int depth) {
  if (is_plain_span(cursor, end, depth)) return true;
  if (!message(rule.message, cursor, end, depth)) return false;
  if (findings_ != nullptr) findings_->read_span({cursor, static_cast<std::size_t>(end - cursor)});
  return true;
}

bool Checker::is_plain_span(const char* cursor, const char* end, int depth) {
  const MessageRule& rules = rule_of(MessageName::kSpan);
  IndexedSpan unasked;
  IndexedSpan& span = findings_ == nullptr ? unasked : findings_->begin_span(cursor);
  return read_plain_span(
      cursor, end, span, [&](unsigned number, const char* begin, const char* behind) {
        if (number == wire::span::kAttributes && depth + 2 <= kMaxMessageDepth &&
            is_plain_key_value(begin, behind)) {
          if (findings_ != nullptr) findings_->see_plain_attribute(begin);
          return true;
        }
        if (!content(rules[number], begin, behind, depth)) return false;
        if (findings_ != nullptr && number == wire::span::kAttributes) {
          findings_->see_attribute({begin, static_cast<std::size_t>(behind - begin)});
        }
        return true;
      });
}

bool Checker::packed_varints(const FieldRule& rule, const char* cursor, const char* end) {
  while (cursor != end) {
    std::uint64_t number = 0;
    if (const WireError error = read_varint(cursor, end, number); error != WireError::kNone) {
      return wrong(rule, error);
    }
  }
  return true;
}

}  // namespace

bool MessageCheck::message(MessageName name, const char* cursor, const char* end, int depth) {
  Checker checker(findings_);
  const bool is_well_formed = checker.message(name, cursor, end, depth);
  items_ += checker.items();
  if (!is_well_formed) reason_ = std::move(checker.reason());
  return is_well_formed;
}

bool MessageCheck::refuse(std::string reason) {
  reason_ = std::move(reason);
  return false;
}

bool MessageCheck::refuse(const FieldRule& rule, WireError error) {
  return refuse(reason_of(rule, error));
}

}  // namespace kernspan::otlp
