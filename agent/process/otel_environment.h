// OTEL_RESOURCE_ATTRIBUTES: key=value pairs, separated by commas, percent-encoded.
// Spec: OpenTelemetry specification, resource/sdk.md, "Specifying resource information via an
// environment variable".
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan::process {

using ResourceAttributes = std::vector<std::pair<std::string, std::string>>;

// Decoded, as valid UTF-8. One bad pair makes the whole value invalid, as the specification asks,
// and so do more than 64 pairs or 4096 bytes. Of a key that comes twice the last value counts.
Result<ResourceAttributes> parse_resource_attributes(std::string_view text);

// The value of a key; empty if it is not there.
std::string_view find_attribute(const ResourceAttributes& attributes, std::string_view key);

}  // namespace kernspan::process
