#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kernspan {

// %41 becomes A. Nothing when a percent sign has no two hex digits behind it.
// Spec: RFC 3986, section 2.1.
std::optional<std::string> percent_decoded(std::string_view text);

}  // namespace kernspan
