#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/component/replica_ring.h"
#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan {

// The trace that decides where a span belongs; nothing: it stays where it is.
using RouteBy =
    std::function<std::optional<TraceId>(const otlp::SpanIndex& index, std::size_t span)>;

// A hand-off by owners: what is this replica's own, and a parcel for each peer that owns some of it.
// Ages and decided traces go where their traces go. Spans are not copied.
struct SplitHandOff {
  HandOff own;
  std::vector<ReplicaRing::Port::Parcel> parcels;
};
SplitHandOff split_by_owner(HandOff hand_off, const ReplicaRing::View& view,
                            const RouteBy& route_by);

}  // namespace kernspan
