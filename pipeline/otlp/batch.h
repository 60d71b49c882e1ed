// A Batch owns the bytes of one or several ExportTraceServiceRequest messages, as they came off the
// wire or were encoded, and knows how many spans they hold. Nothing here builds an object per span.
//
// An ExportTraceServiceRequest is one repeated field (resource_spans = 1), so the concatenation of
// two encoded requests is the encoded request of both: merging batches is appending slices.
// Spec: opentelemetry/proto/collector/trace/v1/trace_service.proto
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan::otlp {

class Batch {
 public:
  Batch() = default;
  Batch(Batch&&) = default;
  Batch& operator=(Batch&&) = default;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Takes an encoded ExportTraceServiceRequest from outside and walks it once to count its spans.
  // Fails, permanently, when the bytes are not well-formed down to the span level.
  static Result<Batch> from_wire(std::string request);

  // Takes bytes that this process encoded itself and whose span count it knows.
  static Batch from_encoder(std::string request, std::size_t span_count);

  std::size_t span_count() const { return span_count_; }
  std::size_t byte_count() const { return byte_count_; }
  bool empty() const { return span_count_ == 0; }

  // Each slice is a well-formed request; so is their concatenation in order.
  const std::vector<std::string>& slices() const { return slices_; }

  // Appends the other batch's slices behind this one's; `other` is left empty.
  void append(Batch&& other);

  // A copy that owns its bytes (fan-out to several consumers).
  Batch clone() const;

 private:
  std::vector<std::string> slices_;
  std::size_t span_count_ = 0;
  std::size_t byte_count_ = 0;
};

}  // namespace kernspan::otlp
