#pragma once

#include <cstddef>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/otlp/signal.h"

namespace kernspan::otlp {

// Messages in messages: protobuf's own readers stop at 100 as well.
inline constexpr int kMaxMessageDepth = 100;

// Checks an encoded export request throughout, attributes and their values included, and counts its
// items. Fails, permanently, when it is not well-formed: a truncated field, a field number 0, a
// group, a known field of another wire type, an id of a wrong length, messages nested more than
// kMaxMessageDepth deep; or when its items are so many and so small that they cannot be real.
Result<std::size_t> check_request(std::string_view bytes, Signal signal);

}  // namespace kernspan::otlp
