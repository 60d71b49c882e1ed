#include "pipeline/processors/tail_sampling/held_request.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kernspan::sampling {
namespace {

otlp::Slice copy_of(const otlp::Batch& batch, BufferPool& buffers) {
  if (batch.byte_count() >= BufferPool::kSmallest) return buffers.copy(batch);
  std::string bytes;
  bytes.reserve(batch.byte_count());
  for (const otlp::Slice& slice : batch.slices()) bytes += slice.view();
  return otlp::Slice(std::move(bytes));
}

// Received pieces are not what is held: they keep a transport's read buffers alive, which count
// for its quota, or a larger request that a processor before this one has cut.
otlp::SpanIndex own(otlp::Batch& batch, BufferPool& buffers) {
  const otlp::Slice copy = copy_of(batch, buffers);
  std::vector<otlp::Slice> slices;
  slices.reserve(batch.slices().size());
  std::string_view left = copy.view();
  for (const otlp::Slice& slice : batch.slices()) {
    slices.emplace_back(copy.owner(), left.substr(0, slice.size()));
    left.remove_prefix(slice.size());
  }
  return {*batch.index(), std::move(slices)};
}

}  // namespace

HeldRequest* HeldRequest::make(otlp::Batch batch, std::uint64_t sequence, HeldMemory& memory) {
  return new HeldRequest(batch, sequence, memory);
}

HeldRequest::HeldRequest(otlp::Batch& batch, std::uint64_t sequence, HeldMemory& memory)
    : index_(own(batch, memory.buffers())),
      sequence_(sequence),
      memory_(memory),
      holds_(static_cast<std::uint32_t>(index_.size())) {
  const otlp::RequestTree& tree = index_.tree();
  bytes_ = sizeof *this + batch.byte_count() + index_.size() * sizeof(otlp::IndexedSpan) +
           tree.slices.size() * sizeof(otlp::Slice) +
           tree.resources.size() * sizeof(otlp::RequestTree::Resource) +
           tree.scopes.size() * sizeof(otlp::RequestTree::Scope);
  for (const otlp::Slice& headers : tree.joined_headers) bytes_ += headers.size();
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
