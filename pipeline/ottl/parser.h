#pragma once

#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/ottl/syntax.h"

namespace kernspan::ottl {

// Both fail with "column 12: what is wrong and what to write".
Result<BooleanPtr> parse_condition(std::string_view text);
Result<StatementSyntax> parse_statement(std::string_view text);

}  // namespace kernspan::ottl
