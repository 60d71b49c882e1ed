#include "pipeline/otlp/span_view.h"

#include <cstring>

namespace kernspan::otlp {
namespace {

template <std::size_t kBytes>
void read_id(std::string_view bytes, Id<kBytes>& id) {
  if (bytes.size() == kBytes) std::memcpy(id.bytes.data(), bytes.data(), kBytes);
}

bool is_bytes(const WireField& field) {
  return field.type == WireType::kBytes;
}

void read_count(const WireField& field, std::uint32_t& count) {
  if (field.type == WireType::kVarint) count = static_cast<std::uint32_t>(field.value);
}

void read_status(std::string_view status, SpanView& span) {
  WireReader reader(status);
  for (WireField field; reader.next(field);) {
    if (field.is_bytes(wire::status::kMessage)) span.status_message = field.bytes;
    if (field.number == wire::status::kCode && field.type == WireType::kVarint) {
      constexpr auto kLast = static_cast<std::uint64_t>(StatusCode::kError);
      span.status_code =
          field.value <= kLast ? static_cast<StatusCode>(field.value) : StatusCode::kUnset;
    }
  }
}

void read_bytes(const WireField& field, SpanView& span) {
  switch (field.number) {
    case wire::span::kAttributes:
      ++span.attribute_count;
      break;
    case wire::span::kTraceId:
      read_id(field.bytes, span.trace_id);
      break;
    case wire::span::kSpanId:
      read_id(field.bytes, span.span_id);
      break;
    case wire::span::kParentSpanId:
      read_id(field.bytes, span.parent_span_id);
      break;
    case wire::span::kTraceState:
      span.trace_state = field.bytes;
      break;
    case wire::span::kName:
      span.name = field.bytes;
      break;
    case wire::span::kEvents:
      ++span.event_count;
      break;
    case wire::span::kLinks:
      ++span.link_count;
      break;
    case wire::span::kStatus:
      read_status(field.bytes, span);
      break;
    default:
      break;
  }
}

void read_number(const WireField& field, SpanView& span) {
  switch (field.number) {
    case wire::span::kKind: {
      constexpr auto kLast = static_cast<std::uint64_t>(SpanKind::kConsumer);
      if (field.type == WireType::kVarint) {
        span.kind =
            field.value <= kLast ? static_cast<SpanKind>(field.value) : SpanKind::kUnspecified;
      }
      break;
    }
    case wire::span::kStartTimeUnixNano:
      if (field.type == WireType::kFixed64) span.start_time_unix_ns = field.value;
      break;
    case wire::span::kEndTimeUnixNano:
      if (field.type == WireType::kFixed64) span.end_time_unix_ns = field.value;
      break;
    case wire::span::kFlags:
      if (field.type == WireType::kFixed32) span.flags = static_cast<std::uint32_t>(field.value);
      break;
    case wire::span::kDroppedAttributesCount:
      read_count(field, span.dropped_attributes_count);
      break;
    case wire::span::kDroppedEventsCount:
      read_count(field, span.dropped_events_count);
      break;
    case wire::span::kDroppedLinksCount:
      read_count(field, span.dropped_links_count);
      break;
    default:
      break;
  }
}

}  // namespace

ScopeView::ScopeView(std::string_view scope) : bytes_(scope) {
  WireReader reader(scope);
  for (WireField field; reader.next(field);) {
    if (field.is_bytes(wire::scope::kName)) name_ = field.bytes;
    if (field.is_bytes(wire::scope::kVersion)) version_ = field.bytes;
  }
}

EventView::EventView(std::string_view event) : bytes(event) {
  WireReader reader(event);
  for (WireField field; reader.next(field);) {
    if (field.is_bytes(wire::event::kName)) name = field.bytes;
    if (field.number == wire::event::kTimeUnixNano && field.type == WireType::kFixed64) {
      time_unix_ns = field.value;
    }
    if (field.number == wire::event::kDroppedAttributesCount) {
      read_count(field, dropped_attributes_count);
    }
  }
}

LinkView::LinkView(std::string_view link) : bytes(link) {
  WireReader reader(link);
  for (WireField field; reader.next(field);) {
    if (field.is_bytes(wire::link::kTraceId)) read_id(field.bytes, trace_id);
    if (field.is_bytes(wire::link::kSpanId)) read_id(field.bytes, span_id);
    if (field.is_bytes(wire::link::kTraceState)) trace_state = field.bytes;
    if (field.number == wire::link::kFlags && field.type == WireType::kFixed32) {
      flags = static_cast<std::uint32_t>(field.value);
    }
    if (field.number == wire::link::kDroppedAttributesCount) {
      read_count(field, dropped_attributes_count);
    }
  }
}

SpanView::SpanView(std::string_view span) : bytes(span) {
  WireReader reader(span);
  for (WireField field; reader.next(field);) {
    if (is_bytes(field)) {
      read_bytes(field, *this);
    } else {
      read_number(field, *this);
    }
  }
}

}  // namespace kernspan::otlp
