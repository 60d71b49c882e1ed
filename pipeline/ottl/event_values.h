// A span's events and links as lists of maps, and back. The keys are those of the paths of the
// spanevent context, and of the .proto; `encoded` holds the message as it came, so that what is put
// back without a change keeps its unknown fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

Value events_value(const std::vector<std::string_view>& events);
Value links_value(const std::vector<std::string_view>& links);

// All of them as fields of a span; an error when the value is no list of what the above make.
Result<std::string> encode_events(const Value& events);
Result<std::string> encode_links(const Value& links);

}  // namespace kernspan::ottl
