#pragma once

#include <cstddef>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/batch.h"

namespace kernspan::otlp {

// Each of these cuts between spans, or between metrics, in order. Resources and scopes are repeated
// where a cut goes through them; the items stay where they are.

// Batches of at most `max_items` items each (at least 1). A metric with more data points than that
// is a batch of its own. A batch that is small enough comes back as it is.
std::vector<Batch> split(Batch batch, std::size_t max_items);

// Batches of at most `max_bytes` each. An item that is larger with its resource and scope is a batch
// of its own, which is larger: `too_large` counts these. A batch that is small enough comes back as
// it is.
struct SplitByBytes {
  std::vector<Batch> batches;
  std::size_t too_large = 0;
};
SplitByBytes split_by_bytes(Batch batch, std::size_t max_bytes);

// One batch of traces per trace, in order of their first spans. Spans without a trace id are one
// trace.
struct TracePart {
  TraceId trace_id;
  Batch batch;
};
std::vector<TracePart> split_by_trace(const Batch& batch);

}  // namespace kernspan::otlp
