#pragma once

#include <string_view>

namespace kernspan {

// Whether a tag says something of the service and not of the span: OpenTelemetry's resource
// attributes (semantic conventions 1.6.1, which the collector's translator goes by) and what
// OpenCensus put there.
bool is_resource_tag(std::string_view key);

}  // namespace kernspan
