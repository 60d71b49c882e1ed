// sampling_strategy: span-ingest.
#include <optional>
#include <tuple>

#include "pipeline/processors/tail_sampling/shard.h"

namespace kernspan::sampling {

// As upstream, which looks at the spans of one trace and one resource at a time.
std::vector<std::uint32_t> Shard::by_resource_and_trace(const Arrival& arrival) const {
  const otlp::SpanIndex& index = arrival.request->index();
  std::vector<std::uint32_t> spans(arrival.size());
  for (std::size_t i = 0; i < spans.size(); ++i) spans[i] = arrival.span(i);
  std::ranges::sort(spans, {}, [&](std::uint32_t span) {
    return std::tuple(index.resource_number(span), index.spans()[span].trace_id, span);
  });
  return spans;
}

bool Shard::take_group(const Arrival& arrival, std::span<const std::uint32_t> group) {
  HeldRequest& request = *arrival.request;
  const TraceId& id = request.index().spans()[group.front()].trace_id;
  std::uint32_t trace = table_.find(id);
  if (trace == TraceTable::kNone) {
    if (const TraceDecision* decision = find_cached(id)) {
      for (const std::uint32_t span : group) follow(*decision, request, span);
      return true;
    }
    if (!make_room()) return false;
    trace = open(id, arrival.first_seen_ns);
  } else if (!table_[trace].is_pending()) {
    for (const std::uint32_t span : group) follow_late(table_[trace], request, span);
    return true;
  }
  see_earlier(trace, arrival.first_seen_ns);
  for (const std::uint32_t span : group) {
    hold(trace, request, span);
    if (!request.index().spans()[span].parent_span_id.is_valid()) see_root(trace);
  }
  if (is_too_large(table_[trace])) {
    end(trace, {.status = TraceStatus::kNotSampled}, Cause::kTooLarge);
  } else {
    decide_on_ingest(trace, request, group);
  }
  return true;
}

void Shard::decide_on_ingest(std::uint32_t trace, HeldRequest& request,
                             std::span<const std::uint32_t> group) {
  const TraceEntry& entry = table_[trace];
  view_spans_.clear();
  TraceFacts facts;
  for (const std::uint32_t span : group) {
    view_spans_.push_back({&request.index(), span});
    facts.add(request.index().spans()[span], facts_ == nullptr ? 0 : facts_[span]);
  }
  const std::optional<Verdict> verdict =
      decide_({.trace_id = entry.id,
               .spans = view_spans_,
               .byte_count = entry.byte_count,
               .first_seen_ns = entry.first_seen_ns,
               .spans_not_held = entry.span_count - group.size(),
               .facts = looks_.facts == nullptr ? std::nullopt : std::optional(facts)},
              now_ns_);
  if (verdict) end(trace, decision_of(*verdict), Cause::kOther);
}

}  // namespace kernspan::sampling
