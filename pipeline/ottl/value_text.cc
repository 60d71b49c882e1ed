// Values as text, and as they are in the telemetry.
#include <fmt/format.h>

#include <array>
#include <bit>
#include <charconv>
#include <chrono>

#include "pipeline/base/duration.h"
#include "pipeline/otlp/request_check.h"
#include "pipeline/otlp/utf8.h"
#include "pipeline/otlp/value_text.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_writer.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {
namespace {

// What is nested deeper than a request may be is left out: a map is three messages, and some six are
// around the value.
constexpr int kMaxEncodedDepth = (otlp::kMaxMessageDepth - 10) / 3;

std::string hex_of(std::string_view bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

// As Go's strconv.FormatFloat(v, 'f', -1, 64).
std::string double_text(double value) {
  if (value != value) return "NaN";
  std::array<char, 512> digits;  // the smallest numbers have some 340 characters
  const auto end =
      std::to_chars(digits.data(), digits.data() + digits.size(), value, std::chars_format::fixed);
  std::string text(digits.data(), end.ptr);
  if (text == "inf") return "+Inf";
  return text == "-inf" ? "-Inf" : text;
}

// RFC 3339 with as many digits of a second as it takes.
std::string time_text(const Time& time) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  // In seconds: whole days, and other zones, may lie beyond what nanoseconds reach.
  const std::chrono::sys_seconds shown{
      std::chrono::floor<std::chrono::seconds>(std::chrono::nanoseconds(time.unix_ns)) +
      std::chrono::seconds(time.utc_offset_s)};
  const auto day = std::chrono::floor<std::chrono::days>(shown);
  const std::chrono::year_month_day date{day};
  const std::int64_t seconds = (shown - day).count();
  const std::int64_t rest = time.unix_ns % kSecond;
  std::string text =
      fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", int{date.year()}, unsigned{date.month()},
                  unsigned{date.day()}, seconds / 3600, seconds / 60 % 60, seconds % 60);
  if (const std::int64_t fraction = rest < 0 ? rest + kSecond : rest; fraction != 0) {
    text += fmt::format(".{:09}", fraction);
    text.erase(text.find_last_not_of('0') + 1);
  }
  if (time.utc_offset_s == 0) return text + 'Z';
  const int minutes = (time.utc_offset_s < 0 ? -time.utc_offset_s : time.utc_offset_s) / 60;
  return text + fmt::format("{}{:02}:{:02}", time.utc_offset_s < 0 ? '-' : '+', minutes / 60,
                            minutes % 60);
}

void write_string(otlp::WireWriter& out, std::uint32_t field, std::string_view text) {
  std::string valid(text);
  otlp::replace_invalid_utf8(valid.data(), valid.size());
  out.bytes(field, valid);
}

void write(otlp::WireWriter& out, const Value& value, int depth) {
  namespace wire = otlp::wire;
  switch (value.type()) {
    case ValueType::kNil:
      return;
    case ValueType::kBool:
      return out.varint(wire::any_value::kBool, value.as_bool() ? 1 : 0);
    case ValueType::kInt:
      return out.varint(wire::any_value::kInt, static_cast<std::uint64_t>(value.as_int()));
    case ValueType::kDouble:
      return out.fixed64(wire::any_value::kDouble, std::bit_cast<std::uint64_t>(value.as_double()));
    case ValueType::kString:
      return write_string(out, wire::any_value::kString, value.as_string());
    case ValueType::kBytes:
      return out.bytes(wire::any_value::kBytes, value.as_bytes());
    case ValueType::kTime:
    case ValueType::kDuration:
      return out.bytes(wire::any_value::kString, text_of(value)->view());
    case ValueType::kList:
    case ValueType::kMap:
      break;
  }
  if (depth == 0) return;
  const bool is_map = value.is(ValueType::kMap);
  out.begin(is_map ? wire::any_value::kKvlist : wire::any_value::kArray);
  if (is_map) {
    for (const Map::Entry& entry : value.as_map().entries()) {
      out.begin(wire::value_list::kValues);
      write_string(out, wire::key_value::kKey, entry.key.view());
      out.begin(wire::key_value::kValue);
      write(out, entry.value, depth - 1);
      out.end();
      out.end();
    }
  } else {
    for (const Value& item : value.as_list()) {
      out.begin(wire::value_list::kValues);
      write(out, item, depth - 1);
      out.end();
    }
  }
  out.end();
}

}  // namespace

std::optional<Text> text_of(const Value& value) {
  switch (value.type()) {
    case ValueType::kNil:
      return std::nullopt;
    case ValueType::kBool:
      return Text::borrowed(value.as_bool() ? "true" : "false");
    case ValueType::kInt:
      return Text::owned(std::to_string(value.as_int()));
    case ValueType::kDouble:
      return Text::owned(double_text(value.as_double()));
    case ValueType::kString:
      return value.text();
    case ValueType::kBytes:
      return Text::owned(hex_of(value.as_bytes()));
    case ValueType::kTime:
      return Text::owned(time_text(value.as_time()));
    case ValueType::kDuration:
      return Text::owned(format_duration(std::chrono::nanoseconds(value.as_duration().ns)));
    case ValueType::kList:
    case ValueType::kMap:
      break;
  }
  const std::string encoded = encode(value);
  return Text::owned(otlp::value_text(otlp::ValueView(encoded)));
}

std::string encode(const Value& value) {
  otlp::WireWriter out;
  write(out, value, kMaxEncodedDepth);
  return out.finish();
}

}  // namespace kernspan::ottl
