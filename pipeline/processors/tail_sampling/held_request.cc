#include "pipeline/processors/tail_sampling/held_request.h"

#include <string>
#include <utility>
#include <vector>

namespace kernspan::sampling {
namespace {

// Received pieces are not what is held: they keep a transport's read buffers alive, which count
// for its quota, or a larger request that a processor before this one has cut.
otlp::Batch own(const otlp::Batch& batch, BufferPool& buffers) {
  std::vector<otlp::Slice> slices;
  if (batch.byte_count() >= BufferPool::kSmallest) {
    slices.push_back(buffers.copy(batch));
  } else {
    std::string bytes;
    bytes.reserve(batch.byte_count());
    for (const otlp::Slice& slice : batch.slices()) bytes += slice.view();
    slices.emplace_back(std::move(bytes));
  }
  return otlp::Batch::from_slices(std::move(slices), batch.item_count());
}

}  // namespace

HeldRequest* HeldRequest::make(const otlp::Batch& batch, std::uint64_t sequence,
                               HeldMemory& memory) {
  return new HeldRequest(batch, sequence, memory);
}

HeldRequest::HeldRequest(const otlp::Batch& batch, std::uint64_t sequence, HeldMemory& memory)
    : index_(own(batch, memory.buffers())),
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
