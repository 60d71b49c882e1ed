// Requests of every shape that the protocol allows, made with protobuf's classes from a seed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "pipeline/otlp/batch.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::otlp {

class RandomRequest {
 public:
  explicit RandomRequest(std::uint64_t seed) : random_(seed) {}

  // Up to `max` of each repeated thing.
  ReferenceRequest make(std::size_t max = 3);

  std::size_t below(std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>(0, bound - 1)(random_);
  }

 private:
  using AnyValue = opentelemetry::proto::common::v1::AnyValue;
  using KeyValue = opentelemetry::proto::common::v1::KeyValue;
  using Span = opentelemetry::proto::trace::v1::Span;

  bool chance(std::size_t one_in) { return below(one_in) == 0; }
  std::string text(std::size_t max_size);
  void fill(AnyValue& value, int depth);
  void fill(KeyValue& attribute, int depth);
  template <typename Message>
  void add_attributes(Message& message, std::size_t max);
  void fill(Span& span, std::size_t max);
  // A field that this version of the protocol does not know.
  template <typename Message>
  void add_unknown(Message& message);

  std::mt19937_64 random_;
};

inline std::string RandomRequest::text(std::size_t max_size) {
  std::string result(below(max_size + 1), ' ');
  for (char& c : result) c = static_cast<char>('a' + below(26));
  return result;
}

inline void RandomRequest::fill(AnyValue& value, int depth) {
  switch (below(depth > 3 ? 6 : 8)) {
    case 0:
      return;  // no value at all
    case 1:
      return value.set_bool_value(chance(2));
    case 2:
      return value.set_int_value(static_cast<std::int64_t>(random_()));
    case 3:
      return value.set_double_value(static_cast<double>(below(1000)) / 8);
    case 4:
      return value.set_bytes_value(std::string("\x00\xFF\x80", 3) + text(5));
    case 5:
      return value.set_string_value(text(chance(10) ? 300 : 20));
    case 6: {
      auto& items = *value.mutable_array_value();
      for (std::size_t i = below(4); i != 0; --i) fill(*items.add_values(), depth + 1);
      return;
    }
    default: {
      auto& entries = *value.mutable_kvlist_value();
      for (std::size_t i = below(4); i != 0; --i) fill(*entries.add_values(), depth + 1);
    }
  }
}

inline void RandomRequest::fill(KeyValue& attribute, int depth) {
  attribute.set_key("key." + std::to_string(below(6)));
  if (!chance(10)) fill(*attribute.mutable_value(), depth);
}

template <typename Message>
void RandomRequest::add_attributes(Message& message, std::size_t max) {
  for (std::size_t i = below(max + 1); i != 0; --i) fill(*message.add_attributes(), 0);
  if (chance(4)) message.set_dropped_attributes_count(static_cast<std::uint32_t>(below(1000)));
}

template <typename Message>
void RandomRequest::add_unknown(Message& message) {
  if (!chance(4)) return;
  auto& fields = *message.GetReflection()->MutableUnknownFields(&message);
  fields.AddVarint(100, random_());
  fields.AddLengthDelimited(17, text(200));
}

inline void RandomRequest::fill(Span& span, std::size_t max) {
  const auto id = [&](std::size_t size) {
    std::string bytes(size, '\0');
    for (char& c : bytes) c = static_cast<char>(below(256));
    return bytes;
  };
  // Few traces, so that they have several spans.
  if (!chance(10)) span.set_trace_id(std::string(15, '\x01') + static_cast<char>(1 + below(4)));
  if (!chance(10)) span.set_span_id(id(8));
  if (chance(2)) span.set_parent_span_id(id(8));
  span.set_trace_state(chance(3) ? text(30) : "");
  span.set_name(text(30));
  span.set_kind(static_cast<Span::SpanKind>(below(6)));
  span.set_start_time_unix_nano(random_());
  span.set_end_time_unix_nano(random_());
  span.set_flags(static_cast<std::uint32_t>(below(1024)));
  add_attributes(span, 2 * max);
  for (std::size_t i = below(max + 1); i != 0; --i) {
    auto& event = *span.add_events();
    event.set_time_unix_nano(random_());
    event.set_name(text(10));
    add_attributes(event, max);
  }
  for (std::size_t i = below(max + 1); i != 0; --i) {
    auto& link = *span.add_links();
    link.set_trace_id(id(16));
    link.set_span_id(id(8));
    link.set_trace_state(text(4));
    link.set_flags(static_cast<std::uint32_t>(below(1024)));
    add_attributes(link, max);
  }
  if (chance(2)) {
    span.mutable_status()->set_message(text(10));
    span.mutable_status()->set_code(
        static_cast<opentelemetry::proto::trace::v1::Status::StatusCode>(below(3)));
  }
  if (chance(4)) span.set_dropped_events_count(static_cast<std::uint32_t>(below(9)));
  if (chance(4)) span.set_dropped_links_count(static_cast<std::uint32_t>(below(9)));
  add_unknown(span);
}

inline ReferenceRequest RandomRequest::make(std::size_t max) {
  ReferenceRequest request;
  for (std::size_t i = below(max + 1); i != 0; --i) {
    auto& resource_spans = *request.add_resource_spans();
    if (!chance(5)) add_attributes(*resource_spans.mutable_resource(), 2 * max);
    if (resource_spans.has_resource()) add_unknown(*resource_spans.mutable_resource());
    if (chance(3)) resource_spans.set_schema_url("https://example.org/" + text(9));
    add_unknown(resource_spans);
    for (std::size_t j = below(max + 1); j != 0; --j) {
      auto& scope_spans = *resource_spans.add_scope_spans();
      if (!chance(5)) {
        scope_spans.mutable_scope()->set_name(text(9));
        scope_spans.mutable_scope()->set_version(text(3));
        add_attributes(*scope_spans.mutable_scope(), max);
      }
      if (chance(3)) scope_spans.set_schema_url("https://example.org/" + text(9));
      add_unknown(scope_spans);
      for (std::size_t k = below(2 * max + 1); k != 0; --k) fill(*scope_spans.add_spans(), max);
    }
  }
  return request;
}

// A batch over these bytes, in slices as from_wire() makes of pieces cut at the given places.
inline std::vector<Slice> cut_into_pieces(const std::string& bytes, std::vector<std::size_t> cuts) {
  std::vector<Slice> pieces;
  std::size_t begin = 0;
  cuts.push_back(bytes.size());
  for (const std::size_t cut : cuts) {
    pieces.emplace_back(bytes.substr(begin, cut - begin));
    begin = cut;
  }
  return pieces;
}

inline std::string joined_bytes(const Batch& batch) {
  return std::string(batch.joined().view());
}

inline ReferenceRequest parse_reference(const Batch& batch) {
  ReferenceRequest request;
  request.ParseFromString(joined_bytes(batch));
  return request;
}

}  // namespace kernspan::otlp
