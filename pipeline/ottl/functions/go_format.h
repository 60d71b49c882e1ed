#pragma once

#include <span>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// fmt.Sprintf of Go for the verbs that values can have: %v %d %s %q %t %x %X %o %O %b %c %U %e %E %f
// %F %g %G, with flags, width, precision and `*`. What does not fit gives text that says so, as
// there: "%!d(string=abc)", "%!s(MISSING)". Fails only when the result would be larger than
// kMaxFormatted, which a width can ask for.
inline constexpr std::size_t kMaxFormatted = 1 << 20;
Result<std::string> go_format(std::string_view format, std::span<const Value> arguments);

}  // namespace kernspan::ottl
