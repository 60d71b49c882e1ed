// Resources, scopes, spans, events and links as they lie on the wire. See attribute_view.h for what
// views borrow and promise.
#pragma once

#include <cstdint>
#include <string_view>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/attribute_view.h"
#include "pipeline/otlp/span_encoder.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {

class ResourceView {
 public:
  ResourceView() = default;
  explicit ResourceView(std::string_view resource) : bytes_(resource) {}

  AttributeRange attributes() const { return {bytes_, wire::resource::kAttributes}; }
  ValueView find(std::string_view key) const { return find_attribute(attributes(), key); }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
};

class ScopeView {
 public:
  ScopeView() = default;
  explicit ScopeView(std::string_view scope);

  std::string_view name() const { return name_; }
  std::string_view version() const { return version_; }
  AttributeRange attributes() const { return {bytes_, wire::scope::kAttributes}; }
  ValueView find(std::string_view key) const { return find_attribute(attributes(), key); }
  std::string_view bytes() const { return bytes_; }

 private:
  std::string_view bytes_;
  std::string_view name_;
  std::string_view version_;
};

struct EventView {
  explicit EventView(std::string_view event);

  AttributeRange attributes() const { return {bytes, wire::event::kAttributes}; }
  ValueView find(std::string_view key) const { return find_attribute(attributes(), key); }

  std::string_view bytes;
  std::uint64_t time_unix_ns = 0;
  std::string_view name;
  std::uint32_t dropped_attributes_count = 0;
};

struct LinkView {
  explicit LinkView(std::string_view link);

  AttributeRange attributes() const { return {bytes, wire::link::kAttributes}; }
  ValueView find(std::string_view key) const { return find_attribute(attributes(), key); }

  std::string_view bytes;
  TraceId trace_id;
  SpanId span_id;
  std::string_view trace_state;
  std::uint32_t flags = 0;
  std::uint32_t dropped_attributes_count = 0;
};

// Made by one walk over the span's own fields; attributes, events and links are read when asked for.
struct SpanView {
  SpanView() = default;
  explicit SpanView(std::string_view span);

  AttributeRange attributes() const { return {bytes, wire::span::kAttributes}; }
  FieldRange<EventView> events() const { return {bytes, wire::span::kEvents}; }
  FieldRange<LinkView> links() const { return {bytes, wire::span::kLinks}; }
  ValueView find(std::string_view key) const { return find_attribute(attributes(), key); }

  std::string_view bytes;
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;
  std::string_view trace_state;
  std::string_view name;
  std::string_view status_message;
  std::uint64_t start_time_unix_ns = 0;
  std::uint64_t end_time_unix_ns = 0;
  std::uint32_t flags = 0;
  std::uint32_t dropped_attributes_count = 0;
  std::uint32_t dropped_events_count = 0;
  std::uint32_t dropped_links_count = 0;
  std::uint32_t attribute_count = 0;
  std::uint32_t event_count = 0;
  std::uint32_t link_count = 0;
  SpanKind kind = SpanKind::kUnspecified;       // numbers beyond the enumeration become unspecified
  StatusCode status_code = StatusCode::kUnset;  // likewise
};

}  // namespace kernspan::otlp
