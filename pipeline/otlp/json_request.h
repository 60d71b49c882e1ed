// OTLP JSON to the wire form, in one pass over the text and without message objects.
// Spec: opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding": ids in hex, 64-bit integers as
// strings or numbers, bytes in base64, unknown keys ignored. Enumerations may be names as well.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/otlp/signal.h"

namespace kernspan::otlp {

// Deeper than any client nests values, and such that no protobuf library refuses what comes out:
// its messages are nested at most 100 deep.
inline constexpr int kMaxJsonDepth = 128;

// A packed number is up to four times as long on the wire, where offsets have 32 bits.
inline constexpr std::size_t kMaxJsonBytes = 512 << 20;

// The encoded export request that one JSON object stands for. A permanent error says where and what
// is wrong, by path ("resourceSpans[0].scopeSpans[0].spans[2].traceId") or by byte.
Result<std::string> encode_json_request(std::string_view json, Signal signal);

// What nlohmann's parser says about a text that is not JSON, without its quotations of the text.
std::string json_syntax_error(std::string_view what);

}  // namespace kernspan::otlp
