// What gperftools' CPU profiler writes: its documentation calls it the "CPU profile binary format"
// (gperftools.github.io/gperftools/cpuprofile-fileformat.html). Words of 64 bits:
//
//   0, number of header words, version, period in us, padding      header
//   count, depth, pc ...                                            each stack
//   0, 1, 0                                                         end
//   the text of /proc/self/maps
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan {

struct SampledStack {
  std::uint64_t count = 0;
  std::vector<std::uint64_t> addresses;  // innermost first; callers by their return addresses
};

// A file that code was loaded from.
struct CodeMapping {
  std::uint64_t begin = 0;
  std::uint64_t end = 0;
  std::uint64_t file_offset = 0;
  std::string file;
};

struct SampledStacks {
  std::uint64_t period_us = 0;
  std::vector<SampledStack> stacks;
  std::vector<CodeMapping> mappings;
};

Result<SampledStacks> parse_sampled_stacks(std::string_view bytes);

// The executable mappings in the text of /proc/self/maps.
std::vector<CodeMapping> parse_code_mappings(std::string_view maps);

}  // namespace kernspan
