#pragma once

#include <cstdint>
#include <string_view>

#include "pipeline/base/error.h"

namespace kernspan::ottl {

// Go's strconv.ParseInt for 64 bits: base 2 to 36, or 0, which is said by the prefix 0b, 0o, 0 or 0x
// and lets underscores stand between digits.
Result<std::int64_t> parse_int(std::string_view text, std::int64_t base);

}  // namespace kernspan::ottl
