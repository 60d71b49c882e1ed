#pragma once

#include <string>
#include <string_view>

#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// As text_of(), but as an attribute's value is shown: bytes in base64, nothing for nil.
std::string as_string(const Value& value);

enum class Base64 { kStandard, kStandardRaw, kUrl, kUrlRaw };  // raw: without padding

std::string base64_of(std::string_view bytes, Base64 variant = Base64::kStandard);
// Strict: no white space, padding where the variant has it and nowhere else. The error says at
// which byte the text ends to be base64.
Result<std::string> bytes_of_base64(std::string_view text, Base64 variant);

}  // namespace kernspan::ottl
