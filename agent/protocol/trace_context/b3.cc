#include <string>

#include "agent/protocol/trace_context/trace_context.h"

namespace kernspan {
namespace {

constexpr std::size_t kLongTraceIdDigits = 32;
constexpr std::size_t kShortTraceIdDigits = 16;

// 64-bit ids are the low half of a 128-bit one.
std::optional<TraceId> parse_trace_id(std::string_view text) {
  if (text.size() == kShortTraceIdDigits) {
    return TraceId::from_hex(
        std::string(kLongTraceIdDigits - kShortTraceIdDigits, '0').append(text));
  }
  return TraceId::from_hex(text);
}

std::optional<TraceContext> make_context(std::string_view trace_id, std::string_view span_id,
                                         std::string_view parent_span_id, bool sampled) {
  const std::optional<TraceId> trace = parse_trace_id(trace_id);
  const std::optional<SpanId> span = SpanId::from_hex(span_id);
  if (!trace || !trace->is_valid() || !span || !span->is_valid()) return std::nullopt;
  // The caller's own parent is of no use here, but a wrong one makes the whole suspect.
  if (!parent_span_id.empty() && !SpanId::from_hex(parent_span_id)) return std::nullopt;
  return TraceContext{.trace_id = *trace,
                      .parent_span_id = *span,
                      .flags = sampled ? kTraceFlagSampled : std::uint8_t{0},
                      .trace_state = {}};
}

// The text before the next dash, which goes with it.
std::string_view take_part(std::string_view& text) {
  const std::size_t dash = text.find('-');
  const std::string_view part = text.substr(0, dash);
  text.remove_prefix(dash == std::string_view::npos ? text.size() : dash + 1);
  return part;
}

}  // namespace

std::optional<TraceContext> parse_b3_single(std::string_view b3) {
  if (b3.ends_with('-')) return std::nullopt;
  const std::string_view trace_id = take_part(b3);
  const std::string_view span_id = take_part(b3);
  const std::string_view sampling = take_part(b3);
  const std::string_view parent_span_id = take_part(b3);
  // "d" (debug) implies an accept decision. Absent: the decision is left to us.
  const bool sampled = sampling == "1" || sampling == "d";
  if (!b3.empty() || (!sampled && sampling != "0" && !sampling.empty()) ||
      (sampling.empty() && !parent_span_id.empty())) {
    return std::nullopt;
  }
  return make_context(trace_id, span_id, parent_span_id, sampled);
}

std::optional<TraceContext> parse_b3_multi(const PropagationFields& fields) {
  const std::string_view sampled = fields.b3_sampled;
  const bool debug = fields.b3_flags == "1";
  // "true" and "false" are what early tracers sent.
  const bool accept = sampled == "1" || sampled == "true";
  if (!debug && !accept && sampled != "0" && sampled != "false" && !sampled.empty()) {
    return std::nullopt;
  }
  return make_context(fields.b3_trace_id, fields.b3_span_id, fields.b3_parent_span_id,
                      debug || accept);
}

}  // namespace kernspan
