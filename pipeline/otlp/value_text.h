#pragma once

#include <string>

#include "pipeline/otlp/attribute_view.h"

namespace kernspan::otlp {

// A value as text, as upstream writes it: strings as they are, "true", "12", "0.5", base64 of bytes;
// lists and maps as JSON. Empty for no value.
std::string value_text(const ValueView& value);

}  // namespace kernspan::otlp
