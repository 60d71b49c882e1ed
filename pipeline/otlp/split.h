#pragma once

#include <cstddef>
#include <vector>

#include "pipeline/otlp/batch.h"

namespace kernspan::otlp {

// Cuts a batch into batches of at most `max_spans` spans each (at least 1), in order. Resources and
// scopes are repeated where a cut goes through them. A batch that is small enough comes back as it
// is; otherwise every byte is copied.
std::vector<Batch> split(Batch batch, std::size_t max_spans);

}  // namespace kernspan::otlp
