#pragma once

#include <cstddef>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/otlp/signal.h"

namespace kernspan::otlp {

// Walks an encoded export request and counts its items. Fails, permanently, when the bytes are not
// well-formed down to the fields of each span or metric, or an id has a wrong length. Attributes,
// events, links and what is in a data point are not looked into.
Result<std::size_t> check_request(std::string_view bytes, Signal signal);

}  // namespace kernspan::otlp
