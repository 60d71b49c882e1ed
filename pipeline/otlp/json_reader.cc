#include "pipeline/otlp/json_reader.h"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

namespace kernspan::otlp {
namespace {

using Json = nlohmann::json;

// An OTLP object nests 8 levels around a value, and 3 per nested value.
constexpr int kMaxDepth = 128;

// What was wrong, filled by whoever sees it first; the readers go on with defaults.
struct Problem {
  std::string text;

  void set(std::string message) {
    if (text.empty()) text = std::move(message);
  }
};

const Json* member(const Json& object, const char* key) {
  if (!object.is_object()) return nullptr;
  const auto found = object.find(key);
  return found == object.end() || found->is_null() ? nullptr : &*found;
}

std::string text_member(const Json& object, const char* key, Problem& problem) {
  const Json* value = member(object, key);
  if (value == nullptr) return {};
  if (!value->is_string()) {
    problem.set(fmt::format("{} is not a string", key));
    return {};
  }
  return value->get<std::string>();
}

// 64-bit integers are strings in OTLP JSON, smaller ones numbers; either is accepted.
template <typename Number>
std::optional<Number> to_integer(const Json& value) {
  if (value.is_number_unsigned()) {
    const auto number = value.get<std::uint64_t>();
    return std::in_range<Number>(number) ? std::optional(static_cast<Number>(number))
                                         : std::nullopt;
  }
  if (value.is_number_integer()) {
    const auto number = value.get<std::int64_t>();
    return std::in_range<Number>(number) ? std::optional(static_cast<Number>(number))
                                         : std::nullopt;
  }
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

template <typename Number>
Number number_member(const Json& object, const char* key, Problem& problem) {
  const Json* value = member(object, key);
  if (value == nullptr) return 0;
  const auto number = to_integer<Number>(*value);
  if (!number) problem.set(fmt::format("{} is not an integer in range", key));
  return number.value_or(0);
}

using EnumNames = std::array<std::string_view, 6>;
constexpr EnumNames kKinds = {"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
                              "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"};
constexpr EnumNames kStatusCodes = {"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"};

int enum_member(const Json& object, const char* key, const EnumNames& names, Problem& problem) {
  const Json* value = member(object, key);
  if (value == nullptr) return 0;
  if (value->is_string()) {
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!names[i].empty() && names[i] == value->get_ref<const std::string&>()) {
        return static_cast<int>(i);
      }
    }
  }
  return number_member<int>(object, key, problem);
}

template <typename AnyId>
AnyId id_member(const Json& object, const char* key, Problem& problem) {
  const std::string text = text_member(object, key, problem);
  if (text.empty()) return {};
  const auto id = AnyId::from_hex(text);
  if (!id) problem.set(fmt::format("{} is not {} hex digits", key, 2 * sizeof(AnyId)));
  return id.value_or(AnyId{});
}

double to_double(const Json& value, Problem& problem) {
  if (value.is_number()) return value.get<double>();
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    if (text == "NaN") return std::numeric_limits<double>::quiet_NaN();
    if (text == "Infinity") return std::numeric_limits<double>::infinity();
    if (text == "-Infinity") return -std::numeric_limits<double>::infinity();
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  }
  problem.set("doubleValue is not a number");
  return 0;
}

RecordValue any_value(const Json& value, Problem& problem) {
  if (const Json* text = member(value, "stringValue")) {
    if (!text->is_string()) problem.set("stringValue is not a string");
    return text->is_string() ? text->get<std::string>() : std::string();
  }
  if (member(value, "intValue") != nullptr) {
    return number_member<std::int64_t>(value, "intValue", problem);
  }
  if (const Json* number = member(value, "doubleValue")) return to_double(*number, problem);
  if (const Json* flag = member(value, "boolValue")) {
    if (!flag->is_boolean()) problem.set("boolValue is not true or false");
    return flag->is_boolean() && flag->get<bool>();
  }
  for (const char* key : {"arrayValue", "kvlistValue"}) {
    if (const Json* list = member(value, key)) {
      const Json* values = member(*list, "values");
      return values == nullptr ? std::string("[]") : values->dump();
    }
  }
  if (const Json* bytes = member(value, "bytesValue")) return bytes->dump();
  return std::string();
}

// The items of an array member; none when it is absent.
const Json& array_member(const Json& object, const char* key, Problem& problem) {
  static const Json kEmpty = Json::array();
  const Json* value = member(object, key);
  if (value == nullptr) return kEmpty;
  if (value->is_array()) return *value;
  problem.set(fmt::format("{} is not an array", key));
  return kEmpty;
}

RecordAttributes attributes_member(const Json& object, Problem& problem) {
  RecordAttributes attributes;
  for (const Json& item : array_member(object, "attributes", problem)) {
    const Json* value = member(item, "value");
    attributes.push_back({text_member(item, "key", problem),
                          value == nullptr ? RecordValue() : any_value(*value, problem)});
  }
  return attributes;
}

EventRecord event_record(const Json& json, Problem& problem) {
  return {.time_unix_ns = number_member<std::uint64_t>(json, "timeUnixNano", problem),
          .name = text_member(json, "name", problem),
          .attributes = attributes_member(json, problem)};
}

LinkRecord link_record(const Json& json, Problem& problem) {
  return {.trace_id = id_member<TraceId>(json, "traceId", problem),
          .span_id = id_member<SpanId>(json, "spanId", problem),
          .trace_state = text_member(json, "traceState", problem),
          .attributes = attributes_member(json, problem)};
}

SpanRecord span_record(const Json& json, Problem& problem) {
  SpanRecord span;
  span.trace_id = id_member<TraceId>(json, "traceId", problem);
  span.span_id = id_member<SpanId>(json, "spanId", problem);
  span.parent_span_id = id_member<SpanId>(json, "parentSpanId", problem);
  span.trace_state = text_member(json, "traceState", problem);
  span.flags = number_member<std::uint32_t>(json, "flags", problem);
  span.name = text_member(json, "name", problem);
  span.kind = enum_member(json, "kind", kKinds, problem);
  span.start_time_unix_ns = number_member<std::uint64_t>(json, "startTimeUnixNano", problem);
  span.end_time_unix_ns = number_member<std::uint64_t>(json, "endTimeUnixNano", problem);
  span.attributes = attributes_member(json, problem);
  span.dropped_attributes_count =
      number_member<std::uint32_t>(json, "droppedAttributesCount", problem);
  for (const Json& item : array_member(json, "events", problem)) {
    span.events.push_back(event_record(item, problem));
  }
  for (const Json& item : array_member(json, "links", problem)) {
    span.links.push_back(link_record(item, problem));
  }
  if (const Json* status = member(json, "status")) {
    span.status_code = enum_member(*status, "code", kStatusCodes, problem);
    span.status_message = text_member(*status, "message", problem);
  }
  return span;
}

void read_resource_spans(const Json& json, std::vector<SpanRecord>& spans, Problem& problem) {
  auto resource = std::make_shared<ResourceRecord>();
  if (const Json* value = member(json, "resource")) {
    resource->attributes = attributes_member(*value, problem);
  }
  resource->schema_url = text_member(json, "schemaUrl", problem);
  for (const Json& scope_spans : array_member(json, "scopeSpans", problem)) {
    const Json* scope = member(scope_spans, "scope");
    for (const Json& item : array_member(scope_spans, "spans", problem)) {
      SpanRecord span = span_record(item, problem);
      span.resource = resource;
      if (scope != nullptr) {
        span.scope_name = text_member(*scope, "name", problem);
        span.scope_version = text_member(*scope, "version", problem);
      }
      spans.push_back(std::move(span));
    }
  }
}

}  // namespace

Result<std::vector<SpanRecord>> parse_json_spans(std::string_view line, std::size_t line_number) {
  Problem problem;
  const auto bound_depth = [&](int depth, Json::parse_event_t, Json&) {
    if (depth > kMaxDepth) problem.set("nested too deeply");
    return depth <= kMaxDepth;
  };
  std::vector<SpanRecord> spans;
  try {
    const Json document = Json::parse(line, bound_depth);
    if (!document.is_object()) problem.set("not a JSON object");
    for (const Json& item : array_member(document, "resourceSpans", problem)) {
      read_resource_spans(item, spans, problem);
    }
  } catch (const Json::exception& error) {
    problem.set(error.what());
  }
  if (!problem.text.empty()) {
    return permanent(fmt::format("line {}: not OTLP JSON: {}", line_number, problem.text));
  }
  return spans;
}

Result<std::vector<SpanRecord>> read_json_lines(std::istream& in) {
  std::vector<SpanRecord> all;
  std::string line;
  for (std::size_t number = 1; std::getline(in, line); ++number) {
    if (line.empty()) continue;
    auto spans = parse_json_spans(line, number);
    if (!spans) return std::unexpected(spans.error());
    all.insert(all.end(), std::make_move_iterator(spans->begin()),
               std::make_move_iterator(spans->end()));
  }
  return all;
}

}  // namespace kernspan::otlp
