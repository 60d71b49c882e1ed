#include "pipeline/receivers/zipkin/zipkin_json.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>

#include "pipeline/otlp/json_request.h"

namespace kernspan {
namespace {

using Json = nlohmann::json;

// Spans nest four deep, and the largest have some hundred tags.
constexpr int kMaxDepth = 32;
constexpr std::size_t kMaxValues = 1 << 16;

// Thrown inside this file only, next to nlohmann's own exceptions: its parser has no other way to
// be ended from a callback.
struct StoppedError {
  Error error;
};

[[noreturn]] void stop(std::size_t number, std::string_view why) {
  throw StoppedError{Error{ErrorKind::kPermanent, fmt::format("span {}: {}", number, why)}};
}

template <std::size_t kBytes>
Result<Id<kBytes>> hex_id(const Json& span, const char* key) {
  const auto text = zipkin_text(span, key);
  if (!text) return std::unexpected(text.error());
  if (text->empty()) return Id<kBytes>();
  if (text->size() <= 2 * kBytes) {
    const std::string padded = std::string(2 * kBytes - text->size(), '0') + std::string(*text);
    if (const auto id = Id<kBytes>::from_hex(padded)) return *id;
  }
  return permanent(fmt::format("{} is not hex of up to {} digits", key, 2 * kBytes));
}

template <std::size_t kBytes>
Result<Id<kBytes>> required_id(const Json& span, const char* key) {
  const auto id = hex_id<kBytes>(span, key);
  if (id && !id->is_valid()) return permanent(fmt::format("{} is missing, or zero", key));
  return id;
}

const Json* member(const Json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

}  // namespace

Status for_each_zipkin_span(std::string_view json,
                            const std::function<Status(const Json& span)>& take) {
  std::size_t number = 0;
  std::size_t values = 0;
  const auto callback = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kMaxDepth) stop(number, fmt::format("nested more than {} levels deep", kMaxDepth));
    if (++values > kMaxValues) stop(number, fmt::format("more than {} values", kMaxValues));
    const bool is_end = event == Json::parse_event_t::object_end ||
                        event == Json::parse_event_t::array_end ||
                        event == Json::parse_event_t::value;
    if (depth == 0 && event != Json::parse_event_t::array_start &&
        event != Json::parse_event_t::array_end) {
      throw StoppedError{Error{ErrorKind::kPermanent, "the body is not an array of spans"}};
    }
    if (depth != 1 || !is_end) return true;
    if (event != Json::parse_event_t::object_end) stop(number, "not an object");
    if (const Status taken = take(parsed); !taken) stop(number, taken.error().message);
    ++number;
    values = 0;
    return false;  // it has been seen, and is forgotten
  };
  try {
    // NOLINTNEXTLINE(bugprone-unused-return-value): what is left of it is an empty array
    const Json rest = Json::parse(json, callback);
    if (!rest.is_array()) return permanent("the body is not an array of spans");
  } catch (const StoppedError& stopped) {
    return std::unexpected(stopped.error);
  } catch (const Json::exception& error) {
    return permanent(fmt::format("span {}: {}", number, otlp::json_syntax_error(error.what())));
  }
  return {};
}

Result<std::string_view> zipkin_text(const Json& object, const char* key) {
  const Json* value = member(object, key);
  if (value == nullptr) return std::string_view();
  if (!value->is_string()) return permanent(fmt::format("{} is not a string", key));
  return std::string_view(value->get_ref<const std::string&>());
}

Result<std::int64_t> zipkin_number(const Json& object, const char* key) {
  const Json* value = member(object, key);
  if (value == nullptr) return 0;
  // Microseconds, which become nanoseconds: two of these in a sum still fit 64 bits.
  constexpr std::int64_t kMax = 9'000'000'000'000'000;
  std::int64_t number = -1;
  if (value->is_number_integer() &&
      !(value->is_number_unsigned() && value->get<std::uint64_t>() > kMax)) {
    number = value->get<std::int64_t>();
  } else if (value->is_number_float() && value->get<double>() >= 0 && value->get<double>() < kMax) {
    number = static_cast<std::int64_t>(value->get<double>());
  }
  if (number < 0 || number > kMax) {
    return permanent(fmt::format("{} is not a positive number in range", key));
  }
  return number;
}

Result<const Json*> zipkin_part(const Json& object, const char* key, bool is_array) {
  const Json* value = member(object, key);
  if (value == nullptr) return nullptr;
  if (is_array ? value->is_array() : value->is_object()) return value;
  return permanent(fmt::format("{} is not {}", key, is_array ? "an array" : "an object"));
}

Result<TraceId> zipkin_trace_id(const Json& span) {
  return required_id<16>(span, "traceId");
}

Result<SpanId> zipkin_span_id(const Json& span) {
  return required_id<8>(span, "id");
}

Result<SpanId> zipkin_parent_id(const Json& span) {
  return hex_id<8>(span, "parentId");
}

}  // namespace kernspan
