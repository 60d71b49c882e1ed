// Trace context from arbitrary header values. Input: the eight fields of PropagationFields, a line
// each.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "agent/protocol/trace_context/trace_context.h"

namespace kernspan {
namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = std::min(text.find('\n'), text.size());
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return line;
}

void check_trace_state(std::string_view value) {
  const std::string once = parse_tracestate(value);
  check(once.size() <= 512);
  check(std::count(once.begin(), once.end(), ',') < 32);
  check(parse_tracestate(once) == once);
}

void check_context(const std::optional<TraceContext>& context) {
  if (!context) return;
  check(context->trace_id.is_valid() && context->parent_span_id.is_valid());
  check(parse_tracestate(context->trace_state) == context->trace_state);
}

void check_traceparent(std::string_view traceparent) {
  const std::optional<TraceContext> context = parse_traceparent(traceparent, {});
  if (!context || !traceparent.starts_with("00-")) return;
  const Id<1> flags{{context->flags}};
  check("00-" + context->trace_id.hex() + "-" + context->parent_span_id.hex() + "-" + flags.hex() ==
        traceparent);
}

}  // namespace
}  // namespace kernspan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan;
  const std::string copy(reinterpret_cast<const char*>(data), size);
  std::string_view text = copy;
  PropagationFields fields;
  for (std::string_view* field :
       {&fields.traceparent, &fields.tracestate, &fields.b3, &fields.b3_trace_id,
        &fields.b3_span_id, &fields.b3_parent_span_id, &fields.b3_sampled, &fields.b3_flags}) {
    *field = take_line(text);
  }
  check_trace_state(fields.tracestate);
  check_traceparent(fields.traceparent);
  check_context(parse_traceparent(fields.traceparent, fields.tracestate));
  check_context(parse_b3_single(fields.b3));
  check_context(parse_b3_multi(fields));
  check_context(extract(fields));
  return 0;
}
