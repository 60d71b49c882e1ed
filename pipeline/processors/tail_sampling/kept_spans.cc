#include "pipeline/processors/tail_sampling/kept_spans.h"

#include <algorithm>
#include <tuple>

#include "pipeline/otlp/request_builder.h"

namespace kernspan::sampling {

KeptSpans::~KeptSpans() {
  for (const Kept& kept : spans_) kept.request->release(1);
}

void KeptSpans::add(const SpanRun& run, double probability) {
  for (std::uint32_t i = 0; i < run.count; ++i) {
    spans_.push_back({run.request, run.first + i, probability});
  }
}

std::vector<otlp::Batch> KeptSpans::take() {
  std::ranges::sort(
      spans_, {}, [](const Kept& kept) { return std::tuple(kept.request->sequence(), kept.span); });
  std::vector<otlp::Batch> batches;
  std::size_t room = 0;
  for (std::size_t begin = 0; begin < spans_.size();) {
    if (room == 0) {
      batches.emplace_back();
      room = kMostTogether;
    }
    std::size_t end = begin + 1;
    while (end < spans_.size() && end - begin < room &&
           spans_[end].request == spans_[begin].request) {
      ++end;
    }
    batches.back().append(take_request(begin, end));
    room -= end - begin;
    begin = end;
  }
  spans_.clear();
  return batches;
}

otlp::Batch KeptSpans::take_request(std::size_t begin, std::size_t end) {
  HeldRequest& request = *spans_[begin].request;
  const otlp::SpanIndex& index = request.index();
  const bool share = 2 * (end - begin) >= index.size();
  otlp::RequestBuilder builder(index.tree(), otlp::Signal::kTraces);
  for (std::size_t i = begin; i < end; ++i) {
    const std::uint32_t span = spans_[i].span;
    const otlp::IndexedSpan& fields = index.spans()[span];
    if (adjusted_.changes(spans_[i].probability)) {
      content_.clear();
      adjusted_.write(index.bytes(span), fields.trace_id, spans_[i].probability, content_);
      builder.add_new(fields.scope, content_);
    } else if (share) {
      builder.add(fields.scope, fields.position);
    } else {
      builder.add_new(fields.scope, index.bytes(span));
    }
  }
  otlp::Batch batch = builder.take();
  request.release(static_cast<std::uint32_t>(end - begin));
  return batch;
}

}  // namespace kernspan::sampling
