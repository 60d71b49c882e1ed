#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include "tools/kernspan/traces/trace.h"

namespace kernspan::tools {

inline SpanId span_id(std::uint8_t number) {
  SpanId id;
  id.bytes[7] = number;
  return id;
}

inline TraceId trace_id(std::uint8_t number) {
  TraceId id;
  id.bytes[15] = number;
  return id;
}

// A trace in the words of a test: span(1, 0, ...) is a root, span(2, 1, ...) its child; times in
// microseconds after 2023-11-14 22:13:20 UTC.
class TraceBuilder {
 public:
  TraceBuilder() { trace_.id = *TraceId::from_hex("5b8efff798038103d269b633813fc60c"); }

  TraceBuilder& span(std::uint8_t id, std::uint8_t parent, std::uint64_t start_us,
                     std::uint64_t end_us, std::string service, std::string operation) {
    TraceSpan span;
    span.id = span_id(id);
    span.parent = span_id(parent);
    span.start_ns = kOriginNs + start_us * 1000;
    span.end_ns = kOriginNs + end_us * 1000;
    span.service = std::move(service);
    span.operation = std::move(operation);
    span.status = "200";
    trace_.spans.push_back(std::move(span));
    return *this;
  }
  TraceBuilder& call() {
    trace_.spans.back().is_client = true;
    return *this;
  }
  TraceBuilder& evidence(std::string evidence) {
    trace_.spans.back().evidence = std::move(evidence);
    return *this;
  }
  TraceBuilder& failed(std::string status, std::string note) {
    trace_.spans.back().is_error = true;
    trace_.spans.back().status = std::move(status);
    trace_.spans.back().note = std::move(note);
    return *this;
  }
  TraceBuilder& status(std::string status) {
    trace_.spans.back().status = std::move(status);
    return *this;
  }

  Trace build() const { return trace_; }

 private:
  static constexpr std::uint64_t kOriginNs = 1'700'000'000'000'000'000;
  Trace trace_;
};

}  // namespace kernspan::tools
