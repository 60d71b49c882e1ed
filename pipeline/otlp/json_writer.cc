#include "pipeline/otlp/json_writer.h"

#include <cstdint>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "pipeline/otlp/json_metrics_writer.h"
#include "pipeline/otlp/json_parts.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

using protozero::pbf_reader;
using namespace json_wire;

// What a span has once.
struct SpanFields {
  std::string_view trace_id, span_id, trace_state, parent_span_id, name;
  std::uint64_t kind = 0, start_ns = 0, end_ns = 0, flags = 0;
  std::uint64_t dropped_attributes = 0, dropped_events = 0, dropped_links = 0;
  bool has_status = false;
};

SpanFields read_span_fields(pbf_reader field) {
  SpanFields span;
  while (field.next()) {
    switch (field.tag()) {
      case wire::span::kTraceId:
        span.trace_id = bytes_of(field);
        break;
      case wire::span::kSpanId:
        span.span_id = bytes_of(field);
        break;
      case wire::span::kTraceState:
        span.trace_state = bytes_of(field);
        break;
      case wire::span::kParentSpanId:
        span.parent_span_id = bytes_of(field);
        break;
      case wire::span::kName:
        span.name = bytes_of(field);
        break;
      case wire::span::kKind:
        span.kind = varint_of(field);
        break;
      case wire::span::kStartTimeUnixNano:
        span.start_ns = fixed64_of(field);
        break;
      case wire::span::kEndTimeUnixNano:
        span.end_ns = fixed64_of(field);
        break;
      case wire::span::kDroppedAttributesCount:
        span.dropped_attributes = varint_of(field);
        break;
      case wire::span::kDroppedEventsCount:
        span.dropped_events = varint_of(field);
        break;
      case wire::span::kDroppedLinksCount:
        span.dropped_links = varint_of(field);
        break;
      case wire::span::kFlags:
        span.flags = fixed32_of(field);
        break;
      case wire::span::kStatus:
        span.has_status = true;
        field.skip();
        break;
      default:
        field.skip();
    }
  }
  return span;
}

class SpanWriter : private JsonParts {
 public:
  explicit SpanWriter(std::string& out) : JsonParts(out) {}

  // The items of the resourceSpans array; true when `first` was used up.
  void request(pbf_reader request, bool& first, JsonOutcome& outcome) {
    while (request.next(wire::request::kResourceSpans)) {
      separate(first);
      resource_spans(message_of(request), outcome);
    }
  }

 private:
  void resource_spans(pbf_reader message, JsonOutcome& outcome) {
    out_ += '{';
    bool first = true;
    key(first, "resource");
    or_empty(outcome, [&] { resource(message); });
    key(first, "scopeSpans");
    out_ += '[';
    bool first_scope = true;
    for (pbf_reader pass = message; pass.next(wire::resource_spans::kScopeSpans);) {
      separate(first_scope);
      scope_spans(message_of(pass), outcome);
    }
    out_ += ']';
    schema_url(first, message, wire::resource_spans::kSchemaUrl, outcome);
    out_ += '}';
  }

  void scope_spans(pbf_reader message, JsonOutcome& outcome) {
    out_ += '{';
    bool first = true;
    key(first, "scope");
    or_empty(outcome, [&] { scope(message); });
    key(first, "spans");
    out_ += '[';
    bool first_span = true;
    for (pbf_reader pass = message; pass.next(wire::scope_spans::kSpans);) {
      const std::size_t before = out_.size();
      const bool was_first = first_span;
      const pbf_reader span_message = message_of(pass);
      try {
        separate(first_span);
        span(span_message);
        ++outcome.items;
      } catch (const protozero::exception&) {
        out_.resize(before);
        first_span = was_first;
        ++outcome.malformed_items;
      }
    }
    out_ += ']';
    schema_url(first, message, wire::scope_spans::kSchemaUrl, outcome);
    out_ += '}';
  }

  void span(pbf_reader message) {
    const SpanFields fields = read_span_fields(message);
    out_ += '{';
    bool first = true;
    hex(first, "traceId", fields.trace_id);
    hex(first, "spanId", fields.span_id);
    optional_string(first, "traceState", fields.trace_state);
    if (!fields.parent_span_id.empty()) hex(first, "parentSpanId", fields.parent_span_id);
    optional_number(first, "flags", fields.flags);
    string(first, "name", fields.name);
    optional_enum(first, "kind", fields.kind);
    quoted_number(first, "startTimeUnixNano", fields.start_ns);
    quoted_number(first, "endTimeUnixNano", fields.end_ns);
    attributes(first, message, wire::span::kAttributes);
    optional_number(first, "droppedAttributesCount", fields.dropped_attributes);
    array(first, "events", message, wire::span::kEvents, [&](pbf_reader item) { event(item); });
    optional_number(first, "droppedEventsCount", fields.dropped_events);
    array(first, "links", message, wire::span::kLinks, [&](pbf_reader item) { link(item); });
    optional_number(first, "droppedLinksCount", fields.dropped_links);
    if (fields.has_status) {
      key(first, "status");
      status(message);
    }
    out_ += '}';
  }

  void status(pbf_reader parent) {
    std::string_view text;
    std::uint64_t code = 0;
    each_field(parent, wire::span::kStatus, [&](pbf_reader& field) {
      switch (field.tag()) {
        case wire::status::kMessage:
          text = bytes_of(field);
          break;
        case wire::status::kCode:
          code = varint_of(field);
          break;
        default:
          field.skip();
      }
    });
    out_ += '{';
    bool first = true;
    optional_string(first, "message", text);
    optional_enum(first, "code", code);
    out_ += '}';
  }

  void event(pbf_reader message) {
    std::uint64_t time_ns = 0, dropped = 0;
    std::string_view name;
    for (pbf_reader field = message; field.next();) {
      switch (field.tag()) {
        case wire::event::kTimeUnixNano:
          time_ns = fixed64_of(field);
          break;
        case wire::event::kName:
          name = bytes_of(field);
          break;
        case wire::event::kDroppedAttributesCount:
          dropped = varint_of(field);
          break;
        default:
          field.skip();
      }
    }
    out_ += '{';
    bool first = true;
    quoted_number(first, "timeUnixNano", time_ns);
    optional_string(first, "name", name);
    attributes(first, message, wire::event::kAttributes);
    optional_number(first, "droppedAttributesCount", dropped);
    out_ += '}';
  }

  void link(pbf_reader message) {
    std::string_view trace_id, span_id, trace_state;
    std::uint64_t dropped = 0, flags = 0;
    for (pbf_reader field = message; field.next();) {
      switch (field.tag()) {
        case wire::link::kTraceId:
          trace_id = id_of(field, 16);
          break;
        case wire::link::kSpanId:
          span_id = id_of(field, 8);
          break;
        case wire::link::kTraceState:
          trace_state = bytes_of(field);
          break;
        case wire::link::kDroppedAttributesCount:
          dropped = varint_of(field);
          break;
        case wire::link::kFlags:
          flags = fixed32_of(field);
          break;
        default:
          field.skip();
      }
    }
    out_ += '{';
    bool first = true;
    hex(first, "traceId", trace_id);
    hex(first, "spanId", span_id);
    optional_string(first, "traceState", trace_state);
    attributes(first, message, wire::link::kAttributes);
    optional_number(first, "droppedAttributesCount", dropped);
    optional_number(first, "flags", flags);
    out_ += '}';
  }
};

}  // namespace

JsonOutcome append_json(const Batch& batch, std::string& out) {
  JsonOutcome outcome;
  const Slice joined = batch.joined();
  const pbf_reader request(joined.view().data(), joined.size());
  bool first = true;
  if (batch.signal() == Signal::kTraces) {
    out += "{\"resourceSpans\":[";
    SpanWriter(out).request(request, first, outcome);
  } else {
    out += "{\"resourceMetrics\":[";
    append_metrics_json(request, out, outcome);
  }
  out += "]}";
  return outcome;
}

}  // namespace kernspan::otlp
