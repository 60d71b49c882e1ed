#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/extensions/pprof/heap_sampler.h"
#include "pipeline/extensions/pprof/sampled_stacks.h"

namespace kernspan {

// What pprof calls an address's function; empty: not known. Asked once per address.
using NameOf = std::function<std::string(std::uint64_t)>;

// The stacks as pprof reads them: a gzipped perftools.profiles.Profile
// (github.com/google/pprof, proto/profile.proto) with samples/count and cpu/nanoseconds.
std::string write_cpu_profile(const SampledStacks& stacks, const NameOf& name_of,
                              std::uint64_t end_unix_ns, std::chrono::nanoseconds duration);

// The same of a heap, with inuse_objects/count and inuse_space/bytes.
std::string write_heap_profile(const std::vector<HeapSample>& samples,
                               const std::vector<CodeMapping>& mappings, const NameOf& name_of,
                               std::uint64_t now_unix_ns);

}  // namespace kernspan
