#include "pipeline/processors/tail_sampling/adjusted_count.h"

#include <optional>
#include <vector>

#include "pipeline/otlp/attribute_editor.h"
#include "pipeline/otlp/span_view.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"
#include "pipeline/processors/probabilistic_sampler/trace_state.h"

namespace kernspan::sampling {
namespace {

// As the collector's probabilistic sampler by default: a relative error below 1/4096.
constexpr int kPrecision = 4;

// Policies decide by hashes of their own, so that the bits of the trace id say nothing: those of a
// sampled trace may lie below its threshold, which consistent samplers behind this one would take
// for an error. Bits below it move into the range above it, evenly, the same for all spans of a
// trace; bits above stay. (Traces with explicit randomness keep it: it is not ours to change.)
std::optional<Randomness> moved_above(Threshold threshold, Randomness randomness) {
  if (threshold.keeps(randomness)) return std::nullopt;
  using Wide = unsigned __int128;
  const Wide room = kThresholdEnd - threshold.rejected;
  const Wide share = Wide{randomness.bits} * room / threshold.rejected;
  return Randomness{threshold.rejected + static_cast<std::uint64_t>(share)};
}

}  // namespace

struct AdjustedCount::Counted {
  double count = 1;
  std::optional<std::string> trace_state = {};  // nothing: it stays
};

AdjustedCount::Counted AdjustedCount::count(std::string_view trace_state, std::string_view span,
                                            const TraceId& trace_id, double probability) const {
  Counted counted{.count = 1 / probability};
  auto state = TraceState::parse(trace_state);
  if (state && state->threshold()) {
    const double earlier = state->threshold()->probability();
    if (earlier > 0) counted.count /= earlier;
  } else if (!settings_.attribute.empty()) {
    const otlp::AttributeRange attributes(span, otlp::wire::span::kAttributes);
    const otlp::ValueView earlier = otlp::find_attribute(attributes, settings_.attribute);
    if (earlier.kind() == otlp::ValueKind::kDouble && earlier.as_double() > 1) {
      counted.count *= earlier.as_double();
    }
  }
  if (!settings_.trace_state || !state) return counted;
  const auto threshold = Threshold::of_probability(1 / counted.count, kPrecision);
  if (!threshold || !state->raise_threshold(*threshold)) return counted;
  if (!state->randomness()) {
    if (const auto moved = moved_above(*threshold, Randomness::of(trace_id))) {
      state->set_randomness(*moved);
    }
  }
  counted.trace_state = state->to_string();
  return counted;
}

void AdjustedCount::write(std::string_view span, const TraceId& trace_id, double probability,
                          std::string& out) const {
  const bool has_attribute = !settings_.attribute.empty();
  std::string_view trace_state;
  std::vector<otlp::WireField> earlier;  // of what is written here; few spans have any
  otlp::WireReader reader(span);
  for (otlp::WireField field; reader.next(field);) {
    if (field.is_bytes(otlp::wire::span::kAttributes)) {
      if (!has_attribute || otlp::AttributeView(field.bytes).key != settings_.attribute) continue;
    } else if (field.is_bytes(otlp::wire::span::kTraceState)) {
      trace_state = field.bytes;
    } else {
      continue;
    }
    earlier.push_back(field);
  }
  const Counted counted = count(trace_state, span, trace_id, probability);
  if (counted.trace_state) {
    otlp::append_bytes_field(out, otlp::wire::span::kTraceState, *counted.trace_state);
  }
  for (const otlp::WireField& field : earlier) {
    if (field.number == otlp::wire::span::kTraceState && !counted.trace_state) continue;  // stays
    out += span.substr(0, static_cast<std::size_t>(field.whole.data() - span.data()));
    span.remove_prefix(static_cast<std::size_t>(field.whole.data() - span.data()) +
                       field.whole.size());
  }
  out += span;
  if (!has_attribute) return;
  const std::string value = otlp::encode_value(counted.count);
  otlp::append_bytes_header(out, otlp::wire::span::kAttributes,
                            otlp::bytes_field_size(1, settings_.attribute.size()) +
                                otlp::bytes_field_size(2, value.size()));
  otlp::append_bytes_field(out, otlp::wire::key_value::kKey, settings_.attribute);
  otlp::append_bytes_field(out, otlp::wire::key_value::kValue, value);
}

}  // namespace kernspan::sampling
