#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>

#include "pipeline/extensions/pprof/sampled_stacks.h"

namespace kernspan {

// The stacks as pprof reads them: a gzipped perftools.profiles.Profile
// (github.com/google/pprof, proto/profile.proto) with samples/count and cpu/nanoseconds.
// `name_of` gives an address its function's name, or nothing; it is asked once per address.
std::string write_profile(const SampledStacks& stacks,
                          const std::function<std::string(std::uint64_t)>& name_of,
                          std::uint64_t end_unix_ns, std::chrono::nanoseconds duration);

}  // namespace kernspan
