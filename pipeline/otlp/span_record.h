// Spans as plain objects, for the command line, the debug exporter and tests. The data path of the
// tiers never makes these.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "pipeline/base/ids.h"

namespace kernspan::otlp {

// Lists, maps and bytes are kept as their JSON text.
using RecordValue = std::variant<std::string, std::int64_t, double, bool>;

struct RecordAttribute {
  std::string key;
  RecordValue value;

  bool operator==(const RecordAttribute&) const = default;
};

using RecordAttributes = std::vector<RecordAttribute>;

// The value of the first attribute of that key; null when there is none. Borrowed.
const RecordValue* find_attribute(const RecordAttributes& attributes, std::string_view key);
// As text: strings as they are, "true", "12", "0.5"; empty when absent.
std::string attribute_text(const RecordAttributes& attributes, std::string_view key);
std::string to_text(const RecordValue& value);

struct ResourceRecord {
  RecordAttributes attributes;
  std::string schema_url;

  std::string service_name() const { return attribute_text(attributes, "service.name"); }
};

struct EventRecord {
  std::uint64_t time_unix_ns = 0;
  std::string name;
  RecordAttributes attributes;
};

struct LinkRecord {
  TraceId trace_id;
  SpanId span_id;
  std::string trace_state;
  RecordAttributes attributes;
};

struct SpanRecord {
  std::shared_ptr<const ResourceRecord>
      resource;  // shared by the spans of one resource; never null
  std::string scope_name;
  std::string scope_version;
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;
  std::string trace_state;
  std::uint32_t flags = 0;
  std::string name;
  int kind = 0;         // SpanKind's numbers
  int status_code = 0;  // StatusCode's numbers
  std::string status_message;
  std::uint64_t start_time_unix_ns = 0;
  std::uint64_t end_time_unix_ns = 0;
  RecordAttributes attributes;
  std::uint32_t dropped_attributes_count = 0;
  std::vector<EventRecord> events;
  std::vector<LinkRecord> links;

  std::string attribute(std::string_view key) const { return attribute_text(attributes, key); }
};

}  // namespace kernspan::otlp
