// Encodes spans straight into the bytes of an ExportTraceServiceRequest. Sizes are computed before
// anything is written, so nested messages need neither a second buffer nor a move of bytes.
//
//   request        0A len  ResourceSpans ...                     one per resource
//   ResourceSpans  0A len  Resource (bytes from the caller)      12 len  ScopeSpans
//   ScopeSpans     0A len  InstrumentationScope                  12 len  Span ...
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/batch.h"

namespace kernspan::otlp {

enum class SpanKind : std::uint8_t {
  kUnspecified = 0,
  kInternal = 1,
  kServer = 2,
  kClient = 3,
  kProducer = 4,
  kConsumer = 5,
};

enum class StatusCode : std::uint8_t { kUnset = 0, kOk = 1, kError = 2 };

// Strings and lists of them are borrowed for the duration of the call that takes them.
using AttributeValue =
    std::variant<std::string_view, std::int64_t, double, bool, std::span<const std::string_view>>;

struct Attribute {
  std::string_view key;
  AttributeValue value;
};

// One span, borrowed: everything it points to must live until add_span() returns.
struct SpanData {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;  // all zero: a root span
  std::string_view trace_state;
  std::uint32_t flags = 0;  // W3C trace flags in the low byte; SpanFlags of the .proto above it
  SpanKind kind = SpanKind::kUnspecified;
  std::string_view name;
  std::uint64_t start_time_unix_ns = 0;
  std::uint64_t end_time_unix_ns = 0;
  StatusCode status_code = StatusCode::kUnset;
  std::string_view status_message;
  std::span<const Attribute> attributes;
  std::uint32_t dropped_attributes_count = 0;
};

// The bytes of a Resource message, to be encoded once per service and kept by the caller.
std::string encode_resource(std::span<const Attribute> attributes);

// Collects spans, grouped by resource, until take(). In steady state add_span() does not allocate:
// buffers keep their capacity from one request to the next. Not for several threads at once.
class RequestEncoder {
 public:
  // Every span gets the instrumentation scope "kernspan" with this program's version.
  RequestEncoder();
  RequestEncoder(std::string_view scope_name, std::string_view scope_version);

  // The spans that follow belong to this resource (see encode_resource). A resource that was begun
  // before in this request is continued. Cheap when it equals the current one.
  void begin_resource(std::string_view encoded_resource);

  // Appends the span to the current resource; without a begin_resource() to an empty one. Bytes of
  // strings that are not UTF-8 become '?' and are counted.
  void add_span(const SpanData& span);

  std::size_t span_count() const { return span_count_; }
  bool empty() const { return span_count_ == 0; }
  // What take() would return in bytes, to within a few bytes per resource: for flush decisions.
  std::size_t byte_count() const { return byte_count_; }

  // The request collected so far; the encoder starts over, with no resource begun.
  Batch take();

  // Bytes that were not UTF-8, over the encoder's life.
  std::uint64_t replaced_bytes() const { return replaced_bytes_; }

 private:
  struct Section {
    std::string resource;
    std::string spans;  // `spans` fields of ScopeSpans: tag, length and span, repeated
  };

  Section& new_section(std::string_view encoded_resource);

  const std::string scope_;  // the `scope` field of ScopeSpans, tag and length included
  // Stable addresses; the first `used_` are in this request, the others wait to be used again.
  std::deque<Section> sections_;
  std::size_t used_ = 0;
  Section* current_ = nullptr;
  std::unordered_map<std::string_view, Section*> by_resource_;  // keys point into sections_
  std::size_t span_count_ = 0;
  std::size_t byte_count_ = 0;
  std::uint64_t replaced_bytes_ = 0;
};

}  // namespace kernspan::otlp
