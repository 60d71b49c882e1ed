#include "gateway/stitch/held_spans.h"

#include <algorithm>
#include <cstring>
#include <numeric>

namespace kernspan::stitch {

// Sorted, not hashed: ids come from outside, and may have been made to collide.
Source::Source(const otlp::Batch& batch) : index_(batch) {
  const auto spans = index_.spans();
  order_.resize(spans.size());
  std::iota(order_.begin(), order_.end(), 0U);
  std::ranges::sort(order_, [&](std::uint32_t a, std::uint32_t b) {
    const int compared = std::memcmp(spans[a].trace_id.bytes.data(), spans[b].trace_id.bytes.data(),
                                     sizeof(TraceId));
    return compared != 0 ? compared < 0 : a < b;
  });
  for (std::uint32_t begin = 0; begin < order_.size();) {
    std::uint32_t end = begin + 1;
    while (end < order_.size() && spans[order_[end]].trace_id == spans[order_[begin]].trace_id) {
      ++end;
    }
    runs_.push_back({begin, end});
    begin = end;
  }
  nodes_.reserve(index_.tree().resources.size());
  for (const otlp::RequestTree::Resource& resource : index_.tree().resources) {
    nodes_.push_back(stitch::node_of(otlp::ResourceView(resource.resource)));
  }
  held = spans.size();
  byte_count_ = batch.byte_count() + spans.size() * (sizeof(otlp::IndexedSpan) + sizeof(Run));
}

std::size_t Source::links(Run run) const {
  std::size_t most = 0;
  for (const std::uint32_t span : spans(run)) {
    most = std::max(most, read_links(index_.bytes(span)));
  }
  return most;
}

}  // namespace kernspan::stitch
