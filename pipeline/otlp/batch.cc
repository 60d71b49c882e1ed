#include "pipeline/otlp/batch.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <utility>

#include "pipeline/otlp/request_check.h"
#include "pipeline/otlp/span_findings.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/otlp/span_questions.h"

namespace kernspan::otlp {
namespace {

// What protobuf allows a message to be. Positions in a slice have 32 bits.
constexpr std::size_t kMaxBytes = std::numeric_limits<std::int32_t>::max();
constexpr char kTooLarge[] = "the request is larger than 2 GiB";

Slice join(const std::vector<Slice>& slices, std::size_t size) {
  if (slices.empty()) return {};
  std::string bytes;
  bytes.reserve(size);
  for (const Slice& slice : slices) bytes += slice.view();
  return Slice(std::move(bytes));
}

std::optional<SpanFindings> findings_for(const SpanQuestions* asked, Signal signal,
                                         std::size_t bytes) {
  if (asked == nullptr || !asked->is_index_asked_for() || signal != Signal::kTraces) return {};
  return SpanFindings(asked->keys(), bytes);
}

}  // namespace

Batch::Batch(Batch&& other) noexcept
    : signal_(other.signal_),
      slices_(std::exchange(other.slices_, {})),
      item_count_(std::exchange(other.item_count_, 0)),
      byte_count_(std::exchange(other.byte_count_, 0)),
      index_(std::move(other.index_)) {}

Batch& Batch::operator=(Batch&& other) noexcept {
  signal_ = other.signal_;
  slices_ = std::exchange(other.slices_, {});
  item_count_ = std::exchange(other.item_count_, 0);
  byte_count_ = std::exchange(other.byte_count_, 0);
  index_ = std::move(other.index_);
  return *this;
}

Result<Batch> Batch::from_wire(Slice request, Signal signal, const SpanQuestions* asked) {
  if (request.size() > kMaxBytes) return permanent(kTooLarge);
  auto findings = findings_for(asked, signal, request.size());
  Result<std::size_t> items =
      check_request(request.view(), signal, findings ? &*findings : nullptr);
  if (!items) return std::unexpected(std::move(items.error()));
  Batch batch(signal);
  batch.append_slice(std::move(request), *items);
  if (findings) batch.index_ = std::make_shared<const SpanIndex>(batch, *std::move(findings));
  return batch;
}

Result<Batch> Batch::from_wire(std::vector<Slice> pieces, Signal signal,
                               const SpanQuestions* asked) {
  if (pieces.size() == 1) return from_wire(std::move(pieces.front()), signal, asked);
  std::size_t size = 0;
  for (const Slice& piece : pieces) size += piece.size();
  if (size > kMaxBytes) return permanent(kTooLarge);
  auto findings = findings_for(asked, signal, size);
  Result<CheckedPieces> checked = check_pieces(pieces, signal, findings ? &*findings : nullptr);
  if (!checked) return std::unexpected(std::move(checked.error()));
  Batch batch = from_slices(std::move(checked->slices), checked->items, signal);
  if (findings) batch.index_ = std::make_shared<const SpanIndex>(batch, *std::move(findings));
  return batch;
}

Batch Batch::from_encoder(std::string request, std::size_t item_count, Signal signal) {
  Batch batch(signal);
  batch.append_slice(Slice(std::move(request)), item_count);
  return batch;
}

Batch Batch::from_slices(std::vector<Slice> slices, std::size_t item_count, Signal signal) {
  Batch batch(signal);
  batch.slices_ = std::move(slices);
  batch.item_count_ = item_count;
  for (const Slice& slice : batch.slices_) batch.byte_count_ += slice.size();
  return batch;
}

Slice Batch::joined() const {
  if (slices_.size() == 1) return slices_.front();
  return join(slices_, byte_count_);
}

void Batch::append_slice(Slice slice, std::size_t item_count) {
  if (slice.size() == 0) return;
  drop_index();
  byte_count_ += slice.size();
  item_count_ += item_count;
  slices_.push_back(std::move(slice));
}

const std::shared_ptr<const SpanIndex>& Batch::index() {
  if (index_ == nullptr) index_ = std::make_shared<const SpanIndex>(*this);
  return index_;
}

void Batch::append(Batch&& other) {
  drop_index();
  other.drop_index();
  if (slices_.empty()) {  // takes over the signal as well
    *this = std::move(other);
    return;
  }
  for (Slice& slice : other.slices_) slices_.push_back(std::move(slice));
  other.slices_.clear();
  item_count_ += std::exchange(other.item_count_, 0);
  byte_count_ += std::exchange(other.byte_count_, 0);
}

Batch Batch::clone() const {
  Batch copy(signal_);
  copy.slices_ = slices_;
  copy.item_count_ = item_count_;
  copy.byte_count_ = byte_count_;
  copy.index_ = index_;
  return copy;
}

}  // namespace kernspan::otlp
