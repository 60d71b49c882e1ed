#include "pipeline/ottl/path_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/utf8.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_writer.h"
#include "pipeline/ottl/event_values.h"

namespace kernspan::ottl {
namespace {

namespace wire = otlp::wire;

using Part = OpenMessage& (Record::*)();

constexpr std::array<std::string_view, 9> kSymbols = {
    "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER",
    "STATUS_CODE_UNSET",     "STATUS_CODE_OK",     "STATUS_CODE_ERROR"};
constexpr std::size_t kKinds = 6;
constexpr std::array<std::string_view, kKinds> kKindNames = {"Unspecified", "Internal", "Server",
                                                             "Client",      "Producer", "Consumer"};

Status wrong_type(std::string_view wanted, const Value& value) {
  return permanent(fmt::format("expected {} but got {}", wanted, type_name(value.type())));
}

Status check_count(const Value& value) {
  if (!value.is(ValueType::kInt)) return wrong_type("int", value);
  if (value.as_int() < 0 || value.as_int() > 0xFFFF'FFFF) {
    return permanent("does not fit an unsigned number of 32 bits");
  }
  return {};
}

template <Part part>
Value get_attributes(Record& record) {
  return (record.*part)().attributes();
}

template <Part part>
Status set_attributes(Record& record, const Value& value) {
  if (!value.is(ValueType::kMap)) return wrong_type("map", value);
  (record.*part)().set_attributes(value.as_map());
  return {};
}

template <Part part, std::uint32_t field>
Value get_int(Record& record) {
  return Value::integer(static_cast<std::int64_t>((record.*part)().number(field)));
}

template <Part part, std::uint32_t field>
Status set_count(Record& record, const Value& value) {
  if (Status fits = check_count(value); !fits) return fits;
  (record.*part)().set_varint(field, static_cast<std::uint64_t>(value.as_int()));
  return {};
}

template <Part part, std::uint32_t field>
Value get_text(Record& record) {
  return Value::borrowed((record.*part)().content(field));
}

template <Part part, std::uint32_t field>
Status set_text(Record& record, const Value& value) {
  if (!value.is(ValueType::kString)) return wrong_type("string", value);
  std::string text(value.as_string());
  otlp::replace_invalid_utf8(text.data(), text.size());
  (record.*part)().set_content(field, text);
  return {};
}

template <Part part, std::uint32_t field>
Status set_nanoseconds(Record& record, const Value& value) {
  if (!value.is(ValueType::kInt)) return wrong_type("int", value);
  (record.*part)().set_fixed64(field, static_cast<std::uint64_t>(value.as_int()));
  return {};
}

template <Part part, std::uint32_t field>
Value get_time(Record& record) {
  const std::uint64_t unix_ns = (record.*part)().number(field);
  return Value::time({.unix_ns = static_cast<std::int64_t>(unix_ns)});
}

template <Part part, std::uint32_t field>
Status set_time(Record& record, const Value& value) {
  if (!value.is(ValueType::kTime)) return wrong_type("time", value);
  (record.*part)().set_fixed64(field, static_cast<std::uint64_t>(value.as_time().unix_ns));
  return {};
}

// An id that is absent is all zeros, as upstream.
template <typename Id, std::uint32_t field>
Id read_id(Record& record) {
  const std::string_view bytes = record.span().content(field);
  Id id;
  if (bytes.size() == id.bytes.size()) std::ranges::copy(bytes, id.bytes.begin());
  return id;
}

template <typename Id, std::uint32_t field>
Value get_id(Record& record) {
  return Value::bytes(std::string(read_id<Id, field>(record).view()));
}

template <typename Id, std::uint32_t field>
Value get_id_text(Record& record) {
  return Value::string(read_id<Id, field>(record).hex());
}

// All zeros removes the field.
template <typename Id, std::uint32_t field>
Status set_id(Record& record, const Value& value) {
  if (!value.is(ValueType::kBytes)) return wrong_type("bytes", value);
  Id id;
  if (value.as_bytes().size() != id.bytes.size()) {
    return permanent(
        fmt::format("an id has {} bytes, not {}", id.bytes.size(), value.as_bytes().size()));
  }
  std::ranges::copy(value.as_bytes(), id.bytes.begin());
  record.span().set_content(field, id.is_valid() ? id.view() : std::string_view());
  return {};
}

template <typename Id, std::uint32_t field>
Status set_id_text(Record& record, const Value& value) {
  if (!value.is(ValueType::kString)) return wrong_type("string", value);
  const auto id = Id::from_hex(value.as_string());
  if (!id) return permanent(fmt::format("an id has {} hex digits", 2 * Id().bytes.size()));
  record.span().set_content(field, id->is_valid() ? id->view() : std::string_view());
  return {};
}

std::size_t kind_of(Record& record) {
  return record.span().number(wire::span::kKind);
}

Value get_kind_name(Record& record) {
  const std::size_t kind = kind_of(record);
  return Value::borrowed(kind < kKinds ? kKindNames[kind] : "");
}

Value get_kind_symbol(Record& record) {
  const std::size_t kind = kind_of(record);
  return Value::borrowed(kind < kKinds ? kSymbols[kind] : "");
}

Status set_kind_by(std::span<const std::string_view> names, Record& record, const Value& value) {
  if (!value.is(ValueType::kString)) return wrong_type("string", value);
  const auto found = std::ranges::find(names, value.as_string());
  if (found == names.end()) return permanent("is no kind of span");
  record.span().set_varint(wire::span::kKind, static_cast<std::uint64_t>(found - names.begin()));
  return {};
}

Status set_kind_name(Record& record, const Value& value) {
  return set_kind_by(kKindNames, record, value);
}

Status set_kind_symbol(Record& record, const Value& value) {
  return set_kind_by(std::span(kSymbols).first(kKinds), record, value);
}

std::string_view status_field(Record& record, std::uint32_t field, std::uint64_t* number) {
  std::string_view bytes;
  otlp::WireReader reader(record.span().content(wire::span::kStatus));
  for (otlp::WireField found; reader.next(found);) {
    if (found.number != field) continue;
    if (found.type == otlp::WireType::kBytes) bytes = found.bytes;
    if (found.type == otlp::WireType::kVarint && number != nullptr) *number = found.value;
  }
  return bytes;
}

Value get_status_code(Record& record) {
  std::uint64_t code = 0;
  status_field(record, wire::status::kCode, &code);
  return Value::integer(static_cast<std::int64_t>(code));
}

Value get_status_message(Record& record) {
  return Value::borrowed(status_field(record, wire::status::kMessage, nullptr));
}

Value get_status(Record& record) {
  Map status;
  status.append(Text::borrowed("code"), get_status_code(record));
  status.append(Text::borrowed("message"), get_status_message(record));
  return Value::map(std::move(status));
}

void write_status(Record& record, std::int64_t code, std::string message) {
  otlp::replace_invalid_utf8(message.data(), message.size());
  otlp::WireWriter status;
  if (!message.empty()) status.bytes(wire::status::kMessage, message);
  if (code != 0) status.varint(wire::status::kCode, static_cast<std::uint64_t>(code));
  record.span().set_content(wire::span::kStatus, status.finish());
}

Status set_status_code(Record& record, const Value& value) {
  if (Status fits = check_count(value); !fits) return fits;
  write_status(record, value.as_int(), std::string(get_status_message(record).as_string()));
  return {};
}

Status set_status_message(Record& record, const Value& value) {
  if (!value.is(ValueType::kString)) return wrong_type("string", value);
  write_status(record, get_status_code(record).as_int(), std::string(value.as_string()));
  return {};
}

Status set_status(Record& record, const Value& value) {
  if (!value.is(ValueType::kMap)) return wrong_type("a span's status", value);
  const Value* const code = value.as_map().find("code");
  const Value* const message = value.as_map().find("message");
  if (code == nullptr || message == nullptr || !message->is(ValueType::kString)) {
    return permanent("a status has a code and a message");
  }
  if (Status fits = check_count(*code); !fits) return fits;
  write_status(record, code->as_int(), std::string(message->as_string()));
  return {};
}

Value get_flags(Record& record) {
  return Value::integer(static_cast<std::int64_t>(record.span().number(wire::span::kFlags)));
}

Value get_events(Record& record) {
  return events_value(record.span().contents(wire::span::kEvents));
}

Status set_events(Record& record, const Value& value) {
  Result<std::string> fields = encode_events(value);
  if (!fields) return std::unexpected(fields.error());
  record.span().set_fields(wire::span::kEvents, *std::move(fields));
  return {};
}

Value get_links(Record& record) {
  return links_value(record.span().contents(wire::span::kLinks));
}

Status set_links(Record& record, const Value& value) {
  Result<std::string> fields = encode_links(value);
  if (!fields) return std::unexpected(fields.error());
  record.span().set_fields(wire::span::kLinks, *std::move(fields));
  return {};
}

Value get_event_position(Record& record) {
  return Value::integer(static_cast<std::int64_t>(record.event_position()));
}

template <Part part>
constexpr PathRow attributes_row() {
  return {"attributes", get_attributes<part>, set_attributes<part>, PathKind::kAttributes};
}

template <Part part, std::uint32_t field>
constexpr PathRow count_row(std::string_view name) {
  return {name, get_int<part, field>, set_count<part, field>};
}

template <Part part, std::uint32_t field>
constexpr PathRow text_row(std::string_view name) {
  return {name, get_text<part, field>, set_text<part, field>};
}

template <Part part, std::uint32_t field>
constexpr PathRow nanoseconds_row(std::string_view name) {
  return {name, get_int<part, field>, set_nanoseconds<part, field>};
}

template <Part part, std::uint32_t field>
constexpr PathRow time_row(std::string_view name) {
  return {name, get_time<part, field>, set_time<part, field>};
}

template <typename Id, std::uint32_t field>
constexpr PathRow id_row(std::string_view name) {
  return {name, get_id<Id, field>, set_id<Id, field>};
}

template <typename Id, std::uint32_t field>
constexpr PathRow id_text_row(std::string_view name) {
  return {name, get_id_text<Id, field>, set_id_text<Id, field>};
}

constexpr Part kResource = &Record::resource;
constexpr Part kScope = &Record::scope;
constexpr Part kSpan = &Record::span;
constexpr Part kEvent = &Record::event;

constexpr std::array kResourceRows = {
    attributes_row<kResource>(),
    count_row<kResource, wire::resource::kDroppedAttributesCount>("dropped_attributes_count"),
    text_row<&Record::resource_header, wire::resource_spans::kSchemaUrl>("schema_url"),
};

constexpr std::array kScopeRows = {
    attributes_row<kScope>(),
    text_row<kScope, wire::scope::kName>("name"),
    text_row<kScope, wire::scope::kVersion>("version"),
    count_row<kScope, wire::scope::kDroppedAttributesCount>("dropped_attributes_count"),
    text_row<&Record::scope_header, wire::scope_spans::kSchemaUrl>("schema_url"),
};

constexpr std::array kSpanRows = {
    attributes_row<kSpan>(),
    id_row<TraceId, wire::span::kTraceId>("trace_id"),
    id_text_row<TraceId, wire::span::kTraceId>("trace_id.string"),
    id_row<SpanId, wire::span::kSpanId>("span_id"),
    id_text_row<SpanId, wire::span::kSpanId>("span_id.string"),
    id_row<SpanId, wire::span::kParentSpanId>("parent_span_id"),
    id_text_row<SpanId, wire::span::kParentSpanId>("parent_span_id.string"),
    PathRow{"trace_state", get_text<kSpan, wire::span::kTraceState>,
            set_text<kSpan, wire::span::kTraceState>, PathKind::kTraceState},
    text_row<kSpan, wire::span::kName>("name"),
    count_row<kSpan, wire::span::kKind>("kind"),
    PathRow{"kind.string", get_kind_name, set_kind_name},
    PathRow{"kind.deprecated_string", get_kind_symbol, set_kind_symbol},
    nanoseconds_row<kSpan, wire::span::kStartTimeUnixNano>("start_time_unix_nano"),
    nanoseconds_row<kSpan, wire::span::kEndTimeUnixNano>("end_time_unix_nano"),
    time_row<kSpan, wire::span::kStartTimeUnixNano>("start_time"),
    time_row<kSpan, wire::span::kEndTimeUnixNano>("end_time"),
    PathRow{"status", get_status, set_status},
    PathRow{"status.code", get_status_code, set_status_code},
    PathRow{"status.message", get_status_message, set_status_message},
    PathRow{"events", get_events, set_events},
    PathRow{"links", get_links, set_links},
    PathRow{"flags", get_flags, nullptr},
    count_row<kSpan, wire::span::kDroppedAttributesCount>("dropped_attributes_count"),
    count_row<kSpan, wire::span::kDroppedEventsCount>("dropped_events_count"),
    count_row<kSpan, wire::span::kDroppedLinksCount>("dropped_links_count"),
};

constexpr std::array kEventRows = {
    attributes_row<kEvent>(),
    text_row<kEvent, wire::event::kName>("name"),
    nanoseconds_row<kEvent, wire::event::kTimeUnixNano>("time_unix_nano"),
    time_row<kEvent, wire::event::kTimeUnixNano>("time"),
    count_row<kEvent, wire::event::kDroppedAttributesCount>("dropped_attributes_count"),
    PathRow{"event_index", get_event_position, nullptr},
};

}  // namespace

std::span<const PathRow> path_rows(Context context) {
  switch (context) {
    case Context::kResource:
      return kResourceRows;
    case Context::kScope:
      return kScopeRows;
    case Context::kSpan:
      return kSpanRows;
    case Context::kSpanEvent:
      return kEventRows;
  }
  return {};
}

OpenMessage& message_of(Record& record, Context context) {
  switch (context) {
    case Context::kResource:
      return record.resource();
    case Context::kScope:
      return record.scope();
    case Context::kSpan:
      return record.span();
    case Context::kSpanEvent:
      break;
  }
  return record.event();
}

std::optional<std::int64_t> enum_value(std::string_view symbol) {
  const auto* const found = std::ranges::find(kSymbols, symbol);
  if (found == kSymbols.end()) return std::nullopt;
  const auto position = static_cast<std::size_t>(found - kSymbols.begin());
  return static_cast<std::int64_t>(position < kKinds ? position : position - kKinds);
}

std::span<const std::string_view> enum_symbols() {
  return kSymbols;
}

}  // namespace kernspan::ottl
