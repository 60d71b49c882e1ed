#include "tools/kernspan/traces/trace.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "pipeline/otlp/span_encoder.h"
#include "pipeline/otlp/utf8.h"

namespace kernspan::tools {
namespace {

// Longer than any terminal is wide; bounds the memory of a span.
constexpr std::size_t kTextBytesMax = 512;

// Spans carry strings out of captured traffic: a terminal must not interpret them.
std::string printable(std::string text) {
  bool is_cut = false;
  if (text.size() > kTextBytesMax) {
    std::size_t end = kTextBytesMax;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0u) == 0x80u) --end;
    text.resize(end);
    is_cut = true;
  }
  otlp::replace_invalid_utf8(text.data(), text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x20 || byte == 0x7f) text[i] = '?';
    // U+0080 to U+009F are control characters too, of two bytes.
    if (byte == 0xc2 && static_cast<unsigned char>(text[i + 1]) < 0xa0) text[i] = text[i + 1] = '?';
  }
  return is_cut ? text + "..." : text;
}

// The first of the attributes that the span has.
std::string first_attribute(const otlp::SpanRecord& record,
                            std::initializer_list<std::string_view> keys) {
  for (const std::string_view key : keys) {
    std::string text = record.attribute(key);
    if (!text.empty()) return text;
  }
  return {};
}

std::string operation_of(const otlp::SpanRecord& record) {
  std::string operation = record.name;
  const std::string path = record.attribute("url.path");
  if (!path.empty() && operation.find(' ') == std::string::npos) operation += " " + path;
  return printable(operation);
}

std::string status_of(const otlp::SpanRecord& record) {
  std::string status = first_attribute(
      record, {"http.response.status_code", "rpc.grpc.status_code", "rpc.response.status_code"});
  if (!status.empty()) return printable(status);
  switch (static_cast<otlp::StatusCode>(record.status_code)) {
    case otlp::StatusCode::kOk:
      return "ok";
    case otlp::StatusCode::kError:
      return "error";
    case otlp::StatusCode::kUnset:
      break;
  }
  return {};
}

std::string note_of(const otlp::SpanRecord& record, const std::string& status) {
  std::string note = record.attribute("error.type");
  if (note == status) note.clear();
  const std::string partial = record.attribute("kernspan.partial");
  if (!partial.empty()) note += (note.empty() ? "partial: " : ", partial: ") + partial;
  return printable(note);
}

}  // namespace

TraceSpan to_trace_span(const otlp::SpanRecord& record) {
  const auto kind = static_cast<otlp::SpanKind>(record.kind);
  TraceSpan span;
  span.id = record.span_id;
  span.parent = record.parent_span_id;
  span.start_ns = record.start_time_unix_ns;
  span.end_ns = std::max(record.start_time_unix_ns, record.end_time_unix_ns);
  span.is_client = kind == otlp::SpanKind::kClient || kind == otlp::SpanKind::kProducer;
  span.is_error = static_cast<otlp::StatusCode>(record.status_code) == otlp::StatusCode::kError;
  span.service = printable(record.resource->service_name());
  if (span.service.empty()) span.service = "unknown_service";
  span.operation = operation_of(record);
  span.status = status_of(record);
  span.evidence = printable(record.attribute("kernspan.link.evidence"));
  span.note = note_of(record, span.status);
  return span;
}

std::uint64_t Trace::start_ns() const {
  const auto first = std::ranges::min_element(spans, {}, &TraceSpan::start_ns);
  return first == spans.end() ? 0 : first->start_ns;
}

std::uint64_t Trace::end_ns() const {
  const auto last = std::ranges::max_element(spans, {}, &TraceSpan::end_ns);
  return last == spans.end() ? 0 : last->end_ns;
}

}  // namespace kernspan::tools
