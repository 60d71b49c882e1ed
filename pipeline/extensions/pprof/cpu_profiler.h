#pragma once

#include <functional>

#include "pipeline/extensions/pprof/sampled_stacks.h"

namespace kernspan {

// Samples the stacks of all threads, a hundred times per second of CPU time, until `wait` returns.
// gperftools does the sampling. A process has one profiler: an error says that it is busy.
Result<SampledStacks> sample_cpu(const std::function<void()>& wait);

}  // namespace kernspan
