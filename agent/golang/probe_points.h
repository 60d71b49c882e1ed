// Which instructions of a function can be probed for what. The kernel carries out branches itself; any other instruction
// it lets the processor run alone, with a second trap: 13 us instead of 0.7 us in a virtual machine (measured with
// an empty probe). So branches are taken where there is one that will do.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace kernspan::golang {

// Offsets are from the code's first byte. Nothing if a byte is not an instruction: then nobody knows where the next
// one begins.

// The RET instructions. Go moves stacks, so the return address that a return probe would replace is not to be
// touched.
std::optional<std::vector<std::uint64_t>> find_returns(std::string_view code);

// Where a caller looks at the error behind an indirect call: call; test rbx, rbx; jcc. At the jcc the first
// result is still in AX.
std::optional<std::vector<std::uint64_t>> find_error_checks(std::string_view code);

// The first instruction at which all arguments are where the caller has put them: the branch that checks the
// stack's room, if only R12 was written before it; else the very first.
std::uint64_t find_entry(std::string_view code);

}  // namespace kernspan::golang
