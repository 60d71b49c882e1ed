#pragma once

#include <span>
#include <string>

#include "pipeline/otlp/span_record.h"

namespace kernspan {

// One line per span: name, ids, times, status and attributes.
std::string debug_lines(std::span<const otlp::SpanRecord> spans);

// Every field of every span, in the collector's layout for verbosity detailed.
std::string debug_blocks(std::span<const otlp::SpanRecord> spans);

}  // namespace kernspan
