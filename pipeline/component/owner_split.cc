#include "pipeline/component/owner_split.h"

#include <algorithm>
#include <memory>

#include "pipeline/otlp/request_builder.h"

namespace kernspan {
namespace {

constexpr ReplicaRing::Member kSelf = ReplicaRing::kSelf;

// The owner of each span of an index. Neighbours often are of one trace.
std::vector<ReplicaRing::Member> owners_of(const otlp::SpanIndex& index,
                                           const ReplicaRing::View& view, const RouteBy& route_by) {
  std::vector<ReplicaRing::Member> owners(index.size(), kSelf);
  TraceId last = {};
  ReplicaRing::Member owner_of_last = view.owner(last);
  for (std::size_t span = 0; span < index.size(); ++span) {
    const std::optional<TraceId> key = route_by(index, span);
    if (!key) continue;
    if (*key != last) {
      last = *key;
      owner_of_last = view.owner(last);
    }
    owners[span] = owner_of_last;
  }
  return owners;
}

// The spans of each member, in their order.
std::vector<otlp::Batch> split_spans(const otlp::SpanIndex& index,
                                     const std::vector<ReplicaRing::Member>& owners,
                                     std::size_t members) {
  std::vector<std::unique_ptr<otlp::RequestBuilder>> builders(members);
  for (std::size_t span = 0; span < index.size(); ++span) {
    auto& builder = builders[owners[span]];
    if (builder == nullptr) {
      builder = std::make_unique<otlp::RequestBuilder>(index.tree(), otlp::Signal::kTraces);
    }
    const otlp::IndexedSpan& entry = index.spans()[span];
    builder->add(entry.scope, entry.position);
  }
  std::vector<otlp::Batch> batches(members);
  for (std::size_t member = 0; member < members; ++member) {
    if (builders[member] != nullptr) batches[member] = builders[member]->take();
  }
  return batches;
}

}  // namespace

SplitHandOff split_by_owner(HandOff hand_off, const ReplicaRing::View& view,
                            const RouteBy& route_by) {
  SplitHandOff split;
  if (view.size() <= 1) {
    split.own = std::move(hand_off);
    return split;
  }
  std::vector<HandOff> parts(view.size());
  const otlp::SpanIndex index(hand_off.spans);
  const std::vector<ReplicaRing::Member> owners = owners_of(index, view, route_by);
  const auto is_same = [&](ReplicaRing::Member owner) { return owner == owners.front(); };
  if (!owners.empty() && std::ranges::all_of(owners, is_same)) {
    parts[owners.front()].spans = std::move(hand_off.spans);
  } else {
    std::vector<otlp::Batch> batches = split_spans(index, owners, view.size());
    for (std::size_t i = 0; i < parts.size(); ++i) parts[i].spans = std::move(batches[i]);
  }
  for (const TraceAge& age : hand_off.ages) parts[view.owner(age.trace_id)].ages.push_back(age);
  for (const DecidedTrace& decided : hand_off.decided) {
    parts[view.owner(decided.trace_id)].decided.push_back(decided);
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    parts[i].hops = hand_off.hops;
    parts[i].age = hand_off.age;
    const auto member = static_cast<ReplicaRing::Member>(i);
    if (member == kSelf) {
      split.own = std::move(parts[i]);
    } else if (!parts[i].empty()) {
      split.parcels.push_back({.to = member, .hand_off = std::move(parts[i])});
    }
  }
  return split;
}

}  // namespace kernspan
