#include "pipeline/processors/tail_sampling/held_request.h"

namespace kernspan::sampling {

HeldRequest* HeldRequest::make(const otlp::Batch& batch, std::uint64_t sequence,
                               HeldMemory& memory) {
  return new HeldRequest(batch, sequence, memory);
}

HeldRequest::HeldRequest(const otlp::Batch& batch, std::uint64_t sequence, HeldMemory& memory)
    : index_(batch),
      sequence_(sequence),
      memory_(memory),
      holds_(static_cast<std::uint32_t>(index_.size())) {
  const otlp::RequestTree& tree = index_.tree();
  bytes_ = sizeof *this + batch.byte_count() + index_.size() * sizeof(otlp::IndexedSpan) +
           tree.slices.size() * sizeof(otlp::Slice) +
           tree.resources.size() * sizeof(otlp::RequestTree::Resource) +
           tree.scopes.size() * sizeof(otlp::RequestTree::Scope);
  memory_.add(bytes_);
}

HeldRequest::~HeldRequest() {
  memory_.subtract(bytes_);
}

void HeldRequest::release(std::uint32_t spans) {
  // The last one frees what the others have read.
  if (holds_.fetch_sub(spans, std::memory_order_acq_rel) == spans) delete this;
}

}  // namespace kernspan::sampling
