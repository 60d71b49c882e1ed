#include "pipeline/exporters/debug/debug_text.h"

#include <fmt/format.h>

#include <array>
#include <iterator>
#include <string_view>

namespace kernspan {
namespace {

using otlp::RecordAttributes;
using otlp::SpanRecord;

template <std::size_t kSize>
std::string_view enum_name(const std::array<std::string_view, kSize>& names, int number) {
  const auto index = static_cast<std::size_t>(number);
  return number >= 0 && index < kSize ? names[index] : "Unknown";
}

std::string_view kind_name(int kind) {
  static constexpr std::array<std::string_view, 6> kNames = {"Unspecified", "Internal", "Server",
                                                             "Client",      "Producer", "Consumer"};
  return enum_name(kNames, kind);
}

std::string_view status_name(int code) {
  static constexpr std::array<std::string_view, 3> kNames = {"Unset", "Ok", "Error"};
  return enum_name(kNames, code);
}

std::string_view type_name(const otlp::RecordValue& value) {
  static constexpr std::array<std::string_view, 4> kNames = {"Str", "Int", "Double", "Bool"};
  return kNames[value.index()];
}

template <typename... Args>
void line(std::string& out, fmt::format_string<Args...> format, Args&&... args) {
  if (!out.empty()) out += '\n';
  fmt::format_to(std::back_inserter(out), format, std::forward<Args>(args)...);
}

void attribute_block(std::string& out, std::string_view title, const RecordAttributes& attributes) {
  if (attributes.empty()) return;
  line(out, "{}:", title);
  for (const auto& [key, value] : attributes) {
    line(out, "     -> {}: {}({})", key, type_name(value), otlp::to_text(value));
  }
}

void span_block(std::string& out, const SpanRecord& span, std::size_t index) {
  line(out, "Span #{}", index);
  line(out, "    Trace ID       : {}", span.trace_id.hex());
  line(out, "    Parent ID      : {}",
       span.parent_span_id.is_valid() ? span.parent_span_id.hex() : "");
  line(out, "    ID             : {}", span.span_id.hex());
  line(out, "    Name           : {}", span.name);
  line(out, "    Kind           : {}", kind_name(span.kind));
  if (!span.trace_state.empty()) line(out, "    TraceState     : {}", span.trace_state);
  line(out, "    Start time     : {}", span.start_time_unix_ns);
  line(out, "    End time       : {}", span.end_time_unix_ns);
  line(out, "    Status code    : {}", status_name(span.status_code));
  line(out, "    Status message : {}", span.status_message);
  attribute_block(out, "Attributes", span.attributes);
  for (std::size_t i = 0; i < span.events.size(); ++i) {
    const otlp::EventRecord& event = span.events[i];
    line(out, "SpanEvent #{}", i);
    line(out, "     -> Name: {}", event.name);
    line(out, "     -> Timestamp: {}", event.time_unix_ns);
    attribute_block(out, "     -> Attributes", event.attributes);
  }
  for (std::size_t i = 0; i < span.links.size(); ++i) {
    const otlp::LinkRecord& link = span.links[i];
    line(out, "SpanLink #{}", i);
    line(out, "     -> Trace ID: {}", link.trace_id.hex());
    line(out, "     -> ID: {}", link.span_id.hex());
    attribute_block(out, "     -> Attributes", link.attributes);
  }
}

}  // namespace

std::string debug_lines(std::span<const SpanRecord> spans) {
  std::string out;
  for (const SpanRecord& span : spans) {
    const std::string parent = span.parent_span_id.is_valid() ? span.parent_span_id.hex() : "-";
    const std::uint64_t duration_ns = span.end_time_unix_ns >= span.start_time_unix_ns
                                          ? span.end_time_unix_ns - span.start_time_unix_ns
                                          : 0;
    line(out, "{} {} {} trace={} id={} parent={} duration={:.3f}ms status={}",
         span.resource->service_name(), kind_name(span.kind), span.name, span.trace_id.hex(),
         span.span_id.hex(), parent, static_cast<double>(duration_ns) / 1e6,
         status_name(span.status_code));
    for (const auto& [key, value] : span.attributes) {
      fmt::format_to(std::back_inserter(out), " {}={}", key, otlp::to_text(value));
    }
  }
  return out;
}

std::string debug_blocks(std::span<const SpanRecord> spans) {
  std::string out;
  const otlp::ResourceRecord* resource = nullptr;
  std::size_t resources = 0;
  for (std::size_t i = 0; i < spans.size(); ++i) {
    const SpanRecord& span = spans[i];
    if (span.resource.get() != resource) {
      resource = span.resource.get();
      line(out, "ResourceSpans #{}", resources++);
      attribute_block(out, "Resource attributes", resource->attributes);
      line(out, "InstrumentationScope {} {}", span.scope_name, span.scope_version);
    }
    span_block(out, span, i);
  }
  return out;
}

}  // namespace kernspan
