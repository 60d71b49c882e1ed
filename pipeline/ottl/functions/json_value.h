#pragma once

#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// Deep enough for what people log; an attribute that is nested some 30 maps deep is refused by
// whoever receives it (kMaxMessageDepth of otlp/request_check.h).
inline constexpr std::size_t kMaxJsonDepth = 24;

// All numbers are doubles, null is nil; of a key that comes twice the last value counts. An object or
// a list at the top.
Result<Value> parse_json(std::string_view text);

}  // namespace kernspan::ottl
