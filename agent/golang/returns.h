#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kernspan::golang {

// Where the RET instructions of a function stand, from its first byte. Go moves stacks, so the return address
// that a return probe would replace is not to be touched: each RET is probed instead. Nothing if a byte
// is not an instruction: then nobody knows where the next one begins.
std::optional<std::vector<std::uint64_t>> find_returns(std::string_view code);

}  // namespace kernspan::golang
