#include "pipeline/otlp/batch.h"

#include <utility>

#include "pipeline/otlp/request_check.h"

namespace kernspan::otlp {

Batch::Batch(Batch&& other) noexcept
    : signal_(other.signal_),
      slices_(std::exchange(other.slices_, {})),
      item_count_(std::exchange(other.item_count_, 0)),
      byte_count_(std::exchange(other.byte_count_, 0)) {}

Batch& Batch::operator=(Batch&& other) noexcept {
  signal_ = other.signal_;
  slices_ = std::exchange(other.slices_, {});
  item_count_ = std::exchange(other.item_count_, 0);
  byte_count_ = std::exchange(other.byte_count_, 0);
  return *this;
}

Result<Batch> Batch::from_wire(Slice request, Signal signal) {
  Result<std::size_t> items = check_request(request.view(), signal);
  if (!items) return std::unexpected(std::move(items.error()));
  Batch batch(signal);
  batch.append_slice(std::move(request), *items);
  return batch;
}

Batch Batch::from_encoder(std::string request, std::size_t item_count, Signal signal) {
  Batch batch(signal);
  batch.append_slice(Slice(std::move(request)), item_count);
  return batch;
}

void Batch::append_slice(Slice slice, std::size_t item_count) {
  if (slice.size() == 0) return;
  byte_count_ += slice.size();
  item_count_ += item_count;
  slices_.push_back(std::move(slice));
}

void Batch::append(Batch&& other) {
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
  return copy;
}

}  // namespace kernspan::otlp
