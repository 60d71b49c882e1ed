// Zipkin's spans as OTLP's, by the collector's rules (contrib, pkg/translator/zipkin). Where these
// drop what the client sent, it is kept here: tags of a resource that differs from the last span's,
// and annotations and links that only look like an OTLP exporter's.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/receivers/zipkin/trace_request.h"

namespace kernspan {

struct ZipkinOptions {
  bool parse_string_tags = false;  // "12" becomes an integer, "1.5" a double, "true" a boolean
  std::uint64_t now_unix_ns = 0;   // for spans of v1 that say nothing of their time
};

// The encoded ExportTraceServiceRequest of a body. A permanent error says which span is wrong.
Result<std::string> translate_zipkin_v2(std::string_view json, const ZipkinOptions& options);
Result<std::string> translate_zipkin_v1(std::string_view json, const ZipkinOptions& options);

// Parts of both.
TagValue zipkin_tag_value(std::string_view text, const ZipkinOptions& options);
inline constexpr char kZipkinStartAbsent[] = "otel.zipkin.absentField.startTime";
// 0, 1, 2 for STATUS_CODE_UNSET, _OK, _ERROR, with the prefix or without it; -1 for others.
int zipkin_status_code(std::string_view name);

}  // namespace kernspan
