#include "pipeline/otlp/json_writer.h"

#include <cstdint>
#include <protozero/exception.hpp>
#include <protozero/pbf_reader.hpp>

#include "pipeline/otlp/json_text.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

using protozero::pbf_reader;
using protozero::pbf_wire_type;

// Lists and maps may nest; protobuf's own readers stop at 100 messages, which is 33 values.
constexpr int kMaxValueDepth = 32;

// Thrown inside this file, next to protozero's exceptions.
class MalformedError : public protozero::exception {
 public:
  const char* what() const noexcept override { return "malformed OTLP message"; }
};

void require(bool condition) {
  if (!condition) throw MalformedError();
}

std::string_view bytes_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::length_delimited);
  const auto view = field.get_view();
  return {view.data(), view.size()};
}

pbf_reader message_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::length_delimited);
  return field.get_message();
}

// Readers refuse ids of other lengths. (Span ids were checked by Batch::from_wire().)
std::string_view id_of(pbf_reader& field, std::size_t size) {
  const std::string_view id = bytes_of(field);
  require(id.empty() || id.size() == size);
  return id;
}

std::uint64_t varint_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::varint);
  return field.get_uint64();
}

std::uint64_t fixed64_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::fixed64);
  return field.get_fixed64();
}

std::uint32_t fixed32_of(pbf_reader& field) {
  require(field.wire_type() == pbf_wire_type::fixed32);
  return field.get_fixed32();
}

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

// Fields of a message come in any order and a JSON array must stay together: each repeated field is
// one more pass over its message, which costs less than remembering where its items were.
class Writer : private JsonText {
 public:
  explicit Writer(std::string& out) : JsonText(out) {}

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
        ++outcome.spans;
      } catch (const protozero::exception&) {
        out_.resize(before);
        first_span = was_first;
        ++outcome.malformed_spans;
      }
    }
    out_ += ']';
    schema_url(first, message, wire::scope_spans::kSchemaUrl, outcome);
    out_ += '}';
  }

  template <typename Write>
  void or_empty(JsonOutcome& outcome, Write write) {
    const std::size_t before = out_.size();
    try {
      write();
    } catch (const protozero::exception&) {
      out_.resize(before);
      out_ += "{}";
      ++outcome.malformed_parts;
    }
  }

  void schema_url(bool& first, pbf_reader message, std::uint32_t field, JsonOutcome& outcome) {
    std::string_view url;
    try {
      while (message.next(field)) url = bytes_of(message);
    } catch (const protozero::exception&) {
      ++outcome.malformed_parts;
    }
    optional_string(first, "schemaUrl", url);
  }

  // A singular message that occurs several times counts as the merge of all: `parent` is walked for
  // each occurrence of `field`.
  template <typename OnField>
  static void each_field(pbf_reader parent, std::uint32_t field, OnField on_field) {
    while (parent.next(field)) {
      for (pbf_reader message = message_of(parent); message.next();) on_field(message);
    }
  }

  void resource(pbf_reader parent) {
    out_ += '{';
    bool first = true;
    attributes_of(first, parent, wire::resource_spans::kResource, wire::resource::kAttributes);
    std::uint64_t dropped = 0;
    each_field(parent, wire::resource_spans::kResource, [&](pbf_reader& field) {
      if (field.tag() == wire::resource::kDroppedAttributesCount) {
        dropped = varint_of(field);
      } else {
        field.skip();
      }
    });
    optional_number(first, "droppedAttributesCount", dropped);
    out_ += '}';
  }

  void scope(pbf_reader parent) {
    out_ += '{';
    bool first = true;
    std::string_view name;
    std::string_view version;
    std::uint64_t dropped = 0;
    each_field(parent, wire::scope_spans::kScope, [&](pbf_reader& field) {
      switch (field.tag()) {
        case wire::scope::kName:
          name = bytes_of(field);
          break;
        case wire::scope::kVersion:
          version = bytes_of(field);
          break;
        case wire::scope::kDroppedAttributesCount:
          dropped = varint_of(field);
          break;
        default:
          field.skip();
      }
    });
    optional_string(first, "name", name);
    optional_string(first, "version", version);
    attributes_of(first, parent, wire::scope_spans::kScope, wire::scope::kAttributes);
    optional_number(first, "droppedAttributesCount", dropped);
    out_ += '}';
  }

  void attributes_of(bool& first, pbf_reader parent, std::uint32_t message_field,
                     std::uint32_t field) {
    bool first_item = true;
    while (parent.next(message_field)) {
      items(first, first_item, "attributes", message_of(parent), field,
            [&](pbf_reader item) { key_value(item, 0); });
    }
    if (!first_item) out_ += ']';
  }

  // Writes "name":[ before the first item; the caller closes the bracket if there was one.
  template <typename WriteItem>
  void items(bool& first, bool& first_item, std::string_view name, pbf_reader message,
             std::uint32_t field, WriteItem write_item) {
    while (message.next(field)) {
      if (first_item) {
        key(first, name);
        out_ += '[';
      }
      separate(first_item);
      write_item(message_of(message));
    }
  }

  template <typename WriteItem>
  void array(bool& first, std::string_view name, pbf_reader message, std::uint32_t field,
             WriteItem write_item) {
    bool first_item = true;
    items(first, first_item, name, message, field, write_item);
    if (!first_item) out_ += ']';
  }

  void attributes(bool& first, pbf_reader message, std::uint32_t field) {
    array(first, "attributes", message, field, [&](pbf_reader item) { key_value(item, 0); });
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

  void key_value(pbf_reader message, int depth) {
    std::string_view name;
    for (pbf_reader field = message; field.next();) {
      if (field.tag() == wire::key_value::kKey) {
        name = bytes_of(field);
      } else {
        field.skip();
      }
    }
    out_ += '{';
    bool first = true;
    string(first, "key", name);
    pbf_reader value;
    bool has_value = false;
    while (message.next(wire::key_value::kValue)) {
      value = message_of(message);
      has_value = true;
    }
    if (has_value) {
      key(first, "value");
      any_value(value, depth);
    }
    out_ += '}';
  }

  // The value's members are a oneof: the last one on the wire counts.
  void any_value(pbf_reader message, int depth) {
    require(depth < kMaxValueDepth);
    pbf_reader last;
    std::uint32_t kind = 0;
    for (pbf_reader field = message; field.next(); field.skip()) {
      if (field.tag() < wire::any_value::kString || field.tag() > wire::any_value::kBytes) continue;
      last = field;
      kind = field.tag();
    }
    out_ += '{';
    bool first = true;
    switch (kind) {
      case wire::any_value::kString:
        string(first, "stringValue", bytes_of(last));
        break;
      case wire::any_value::kBool:
        key(first, "boolValue");
        out_ += varint_of(last) != 0 ? "true" : "false";
        break;
      case wire::any_value::kInt:
        key(first, "intValue");
        out_ += '"';
        number(static_cast<std::int64_t>(varint_of(last)));
        out_ += '"';
        break;
      case wire::any_value::kDouble:
        require(last.wire_type() == pbf_wire_type::fixed64);
        key(first, "doubleValue");
        floating(last.get_double());
        break;
      case wire::any_value::kArray:
        key(first, "arrayValue");
        values(message_of(last), [&](pbf_reader item) { any_value(item, depth + 1); });
        break;
      case wire::any_value::kKvlist:
        key(first, "kvlistValue");
        values(message_of(last), [&](pbf_reader item) { key_value(item, depth + 1); });
        break;
      case wire::any_value::kBytes:
        key(first, "bytesValue");
        base64(bytes_of(last));
        break;
      default:
        break;
    }
    out_ += '}';
  }

  template <typename WriteItem>
  void values(pbf_reader message, WriteItem write_item) {
    out_ += "{\"values\":[";
    bool first = true;
    while (message.next(wire::value_list::kValues)) {
      separate(first);
      write_item(message_of(message));
    }
    out_ += "]}";
  }
};

}  // namespace

JsonOutcome append_json(const Batch& batch, std::string& out) {
  JsonOutcome outcome;
  Writer writer(out);
  out += "{\"resourceSpans\":[";
  bool first = true;
  const Slice request = batch.joined();
  writer.request(pbf_reader(request.view().data(), request.size()), first, outcome);
  out += "]}";
  return outcome;
}

}  // namespace kernspan::otlp
