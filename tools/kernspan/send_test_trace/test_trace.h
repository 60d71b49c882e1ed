// The spans that `kernspan send-test-trace` makes: the two services of a call, as telemetrygen has
// them.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/span_encoder.h"

namespace kernspan::tools {

struct TraceShape {
  std::string service = "kernspan-test";
  std::map<std::string, std::string> resource_attributes;
  std::map<std::string, std::string> span_attributes;
  std::chrono::nanoseconds span_duration = std::chrono::microseconds{123};
  std::uint32_t child_spans = 1;
  otlp::StatusCode status = otlp::StatusCode::kUnset;
};

// One thread. Ids come from the generator: two makers with equal seeds make equal traces.
class TestTraceMaker {
 public:
  TestTraceMaker(TraceShape shape, std::uint64_t seed);

  // Appends one trace whose last span ends at `end`: a CLIENT span and below it SERVER spans one
  // after the other. Returns its id.
  TraceId add_trace(std::uint64_t end_unix_ns, otlp::RequestEncoder& encoder);

  std::size_t spans_per_trace() const { return 1 + std::size_t{shape_.child_spans}; }

 private:
  SpanId next_span_id();

  const TraceShape shape_;
  const std::string resource_;
  std::vector<otlp::Attribute> attributes_;  // borrow from shape_; the last is the peer's name
  std::mt19937_64 random_;
};

// OTEL_RESOURCE_ATTRIBUTES: "key=value,key=value", values percent-encoded. What is not of that form
// is left out.
std::map<std::string, std::string> parse_resource_attributes(std::string_view text);

}  // namespace kernspan::tools
