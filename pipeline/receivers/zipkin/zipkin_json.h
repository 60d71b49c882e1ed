// Zipkin's JSON, as an array of span objects one after another: only one is ever in memory.
// Spec: zipkin.io/zipkin-api (v1 and v2)
#pragma once

#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/base/ids.h"

namespace kernspan {

// Gives each object of the array to `take`, whose error, with the span's number in front, ends the
// reading. Spans of more than 65,536 values or 32 levels are errors.
Status for_each_zipkin_span(std::string_view json,
                            const std::function<Status(const nlohmann::json& span)>& take);

// The members of a span. Absent and null are the same; anything of another type is an error.
Result<std::string_view> zipkin_text(const nlohmann::json& object, const char* key);
Result<std::int64_t> zipkin_number(const nlohmann::json& object, const char* key);  // absent: 0
// An object or an array; null when absent.
Result<const nlohmann::json*> zipkin_part(const nlohmann::json& object, const char* key,
                                          bool is_array);

// Hex of up to 32 and 16 digits; zeros in front may be missing. An id must not be zero, a parent
// may be absent.
Result<TraceId> zipkin_trace_id(const nlohmann::json& span);
Result<SpanId> zipkin_span_id(const nlohmann::json& span);
Result<SpanId> zipkin_parent_id(const nlohmann::json& span);

}  // namespace kernspan
