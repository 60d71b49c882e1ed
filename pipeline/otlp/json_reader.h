// Reads OTLP JSON, one object per line as the file exporter writes it.
#pragma once

#include <cstddef>
#include <istream>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/otlp/span_record.h"

namespace kernspan::otlp {

// One {"resourceSpans":[...]} object. Unknown keys are ignored; ids are hex in either case; numbers
// may be strings and enumerations may be names. The error begins with "line <line_number>: ".
Result<std::vector<SpanRecord>> parse_json_spans(std::string_view line,
                                                 std::size_t line_number = 1);

// All lines of a stream; empty lines are passed over.
Result<std::vector<SpanRecord>> read_json_lines(std::istream& in);

}  // namespace kernspan::otlp
