// A Batch owns the bytes of one or several export requests of one signal (ExportTraceServiceRequest
// or ExportMetricsServiceRequest), as they came off the wire or were encoded, and knows how many
// items (spans, data points) they hold. Nothing here builds an object per item.
//
// An export request is one repeated field (resource_spans = 1, resource_metrics = 1), so the
// concatenation of two encoded requests is the encoded request of both: merging batches is
// appending slices.
// Spec: opentelemetry/proto/collector/{trace,metrics}/v1/*_service.proto
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/otlp/signal.h"

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

class SpanIndex;
class SpanQuestions;

class Batch {
 public:
  Batch() = default;
  explicit Batch(Signal signal) : signal_(signal) {}
  Batch(Batch&& other) noexcept;
  Batch& operator=(Batch&& other) noexcept;
  Batch(const Batch&) = delete;
  Batch& operator=(const Batch&) = delete;

  // Takes an encoded export request from outside: one walk over all of it checks that it is
  // well-formed and counts its items. Fails, permanently, with the reason (request_check.h). What
  // `asked` has, which outlives the batch, is noted in the same walk; null: nothing is asked.
  static Result<Batch> from_wire(Slice request, Signal signal = Signal::kTraces,
                                 const SpanQuestions* asked = nullptr);
  static Result<Batch> from_wire(std::string request, Signal signal = Signal::kTraces,
                                 const SpanQuestions* asked = nullptr) {
    return from_wire(Slice(std::move(request)), signal, asked);
  }

  // The same for a request that came in pieces, cut anywhere: they are not joined (check_pieces()).
  static Result<Batch> from_wire(std::vector<Slice> pieces, Signal signal = Signal::kTraces,
                                 const SpanQuestions* asked = nullptr);

  // Takes bytes that this process encoded itself and whose items it has counted.
  static Batch from_encoder(std::string request, std::size_t item_count,
                            Signal signal = Signal::kTraces);

  // Takes a gather list: together the slices are a well-formed request with that many items, and
  // no field is in two of them but the content of the request, of ResourceSpans and of ScopeSpans.
  static Batch from_slices(std::vector<Slice> slices, std::size_t item_count,
                           Signal signal = Signal::kTraces);

  Signal signal() const { return signal_; }
  std::size_t item_count() const { return item_count_; }  // spans, data points
  std::size_t byte_count() const { return byte_count_; }
  bool empty() const { return item_count_ == 0; }

  // The concatenation of the slices in order is a well-formed request; one alone need not be. To
  // look inside: span_index.h, request_walk.h.
  const std::vector<Slice>& slices() const { return slices_; }
  // The concatenation: the slice itself when there is only one, else a copy of all bytes.
  Slice joined() const;

  // Where the spans are (span_index.h), of a batch of traces: made by the first who asks, it rides
  // along, so that one walk does for all processors that leave the batch as it is.
  const std::shared_ptr<const SpanIndex>& index();
  // For those who keep the batch: its index takes memory that byte_count() does not say.
  void drop_index() { index_.reset(); }

  // Appends the other batch's slices behind this one's; `other`, of the same signal, is left empty.
  void append(Batch&& other);

  // A second batch over the same bytes (fan-out, and callers that may have to try again). Copies no
  // bytes: slices are immutable and shared.
  Batch clone() const;

 private:
  void append_slice(Slice slice, std::size_t item_count);

  Signal signal_ = Signal::kTraces;
  std::vector<Slice> slices_;
  std::size_t item_count_ = 0;
  std::size_t byte_count_ = 0;
  std::shared_ptr<const SpanIndex> index_;  // null until somebody asks
};

}  // namespace kernspan::otlp
