// A Batch owns the bytes of one or several ExportTraceServiceRequest messages, as they came off the
// wire or were encoded, and knows how many spans they hold. Nothing here builds an object per span.
//
// An ExportTraceServiceRequest is one repeated field (resource_spans = 1), so the concatenation of
// two encoded requests is the encoded request of both: merging batches is appending slices.
// Spec: opentelemetry/proto/collector/trace/v1/trace_service.proto
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan::otlp {

// Immutable bytes with shared ownership. Shared, because a fan-out hands the same bytes to several
// consumers, and because a transport may still read them after the call that sent them has ended.
class Slice {
 public:
  Slice() = default;
  explicit Slice(std::string bytes) {
    auto owner = std::make_shared<const std::string>(std::move(bytes));
    bytes_ = *owner;
    owner_ = std::move(owner);
  }
  // `bytes` live as long as `owner` does.
  Slice(std::shared_ptr<const void> owner, std::string_view bytes)
      : owner_(std::move(owner)), bytes_(bytes) {}

  std::string_view view() const { return bytes_; }
  operator std::string_view() const { return bytes_; }  // NOLINT: a slice is its bytes
  std::size_t size() const { return bytes_.size(); }
  const std::shared_ptr<const void>& owner() const { return owner_; }

 private:
  std::shared_ptr<const void> owner_;
  std::string_view bytes_;
};

class Batch {
 public:
  Batch() = default;
  Batch(Batch&& other) noexcept;
  Batch& operator=(Batch&& other) noexcept;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Takes an encoded ExportTraceServiceRequest from outside and walks it once to count its spans.
  // Fails, permanently, when the bytes are not well-formed down to the fields of each span, or an
  // id has a wrong length. Attributes, events and links are not looked into.
  static Result<Batch> from_wire(Slice request);
  static Result<Batch> from_wire(std::string request) {
    return from_wire(Slice(std::move(request)));
  }

  // Takes bytes that this process encoded itself and whose span count it knows.
  static Batch from_encoder(std::string request, std::size_t span_count);

  std::size_t span_count() const { return span_count_; }
  std::size_t byte_count() const { return byte_count_; }
  bool empty() const { return span_count_ == 0; }

  // Each slice is a well-formed request; so is their concatenation in order.
  const std::vector<Slice>& slices() const { return slices_; }

  // Appends the other batch's slices behind this one's; `other` is left empty.
  void append(Batch&& other);

  // A second batch over the same bytes (fan-out, and callers that may have to try again). Copies no
  // bytes: slices are immutable and shared.
  Batch clone() const;

 private:
  void append_slice(Slice slice, std::size_t span_count);

  std::vector<Slice> slices_;
  std::size_t span_count_ = 0;
  std::size_t byte_count_ = 0;
};

}  // namespace kernspan::otlp
