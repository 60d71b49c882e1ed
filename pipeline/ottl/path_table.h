// The fields that paths name, one row each.
// Spec: pkg/ottl/contexts/*/README.md of opentelemetry-collector-contrib.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/ottl/record.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

enum class PathKind : std::uint8_t {
  kField,       // no keys
  kAttributes,  // a map in the telemetry, with any number of keys
  kTraceState,  // one key at most: a member of the tracestate
};

struct PathRow {
  std::string_view name;  // behind the context: "status.code"
  Value (*get)(Record& record);
  // Checked already: not nil. Null for what cannot be set.
  Status (*set)(Record& record, const Value& value);
  PathKind kind = PathKind::kField;
};

std::span<const PathRow> path_rows(Context context);

// The message that the context's paths are about.
OpenMessage& message_of(Record& record, Context context);

// SPAN_KIND_SERVER, STATUS_CODE_ERROR ...
std::optional<std::int64_t> enum_value(std::string_view symbol);
std::span<const std::string_view> enum_symbols();

// A member of a tracestate; empty when it has none of that name, nothing when it is not one.
std::optional<std::string_view> trace_state_member(std::string_view trace_state,
                                                   std::string_view key);
// With the member put first; unchanged when key, value or tracestate are not what W3C allows.
std::string with_trace_state_member(std::string_view trace_state, std::string_view key,
                                    std::string_view value);

}  // namespace kernspan::ottl
