// Trace context as requests carry it. Spec: W3C Trace Context Level 1
// (https://www.w3.org/TR/trace-context-1/) and B3 (https://github.com/openzipkin/b3-propagation),
// single and multiple headers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/ids.h"

namespace kernspan {

inline constexpr std::uint8_t kTraceFlagSampled = 0x01;

struct TraceContext {
  TraceId trace_id;
  SpanId parent_span_id;  // the caller's span
  std::uint8_t flags = 0;
  std::string trace_state;  // members joined with ',' without spaces; empty: none or not valid
};

// Values as they stand in the header fields, trimmed; several fields of one name joined with ','.
// Empty: the field is absent.
struct PropagationFields {
  std::string_view traceparent;
  std::string_view tracestate;
  std::string_view b3;
  std::string_view b3_trace_id;
  std::string_view b3_span_id;
  std::string_view b3_parent_span_id;
  std::string_view b3_sampled;
  std::string_view b3_flags;
};

// The first valid one of traceparent, b3, X-B3-*. A field that must be rejected counts as absent.
std::optional<TraceContext> extract(const PropagationFields& fields);

// No context unless `traceparent` is valid; a tracestate that is not is dropped alone.
std::optional<TraceContext> parse_traceparent(std::string_view traceparent,
                                              std::string_view tracestate);

// The list without empty members and optional spaces; an empty string if a member is not valid or
// there are more than 32. Beyond 512 characters long members go first, then the last ones
// (section 3.3.1.5).
std::string parse_tracestate(std::string_view tracestate);

// {trace id}-{span id}[-{sampling}[-{parent span id}]]. A sampling decision alone carries no
// context.
std::optional<TraceContext> parse_b3_single(std::string_view b3);

// The X-B3-* fields; the others of `fields` are not looked at.
std::optional<TraceContext> parse_b3_multi(const PropagationFields& fields);

}  // namespace kernspan
