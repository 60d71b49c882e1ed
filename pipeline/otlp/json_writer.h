// OTLP JSON from the wire form, without message objects in between.
// Spec: opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding": ids in hex, enumerations as
// numbers, 64-bit integers as strings, bytes in base64, lowerCamelCase keys.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/otlp/batch.h"

namespace kernspan::otlp {

struct JsonOutcome {
  std::size_t items = 0;            // written: spans, data points
  std::size_t malformed_items = 0;  // left out: something in them is not well-formed
  std::size_t malformed_parts = 0;  // resources and scopes written empty, for the same reason
};

// Appends one {"resourceSpans":[...]} or {"resourceMetrics":[...]} object with all slices of the batch to `out`; no line break,
// inside or behind it. Unknown fields are ignored; bytes of strings that are not UTF-8 become '?'.
// Trusts no bytes: what is not well-formed, or nested deeper than JSON readers go, is counted.
JsonOutcome append_json(const Batch& batch, std::string& out);

}  // namespace kernspan::otlp
