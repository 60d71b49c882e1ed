#pragma once

#include <string>
#include <string_view>

#include "pipeline/base/ids.h"

namespace kernspan::sampling {

struct AdjustedCountSettings {
  bool trace_state = true;                            // ot=th of the span's tracestate
  std::string attribute = "sampling.adjusted_count";  // empty: none

  bool enabled() const { return trace_state || !attribute.empty(); }
};

// Writes on sampled spans how many spans each stands for: 1 / the probability of having come this
// far, whatever earlier samplers have left of it. One thread.
// Spec: opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling
class AdjustedCount {
 public:
  explicit AdjustedCount(AdjustedCountSettings settings) : settings_(std::move(settings)) {}

  // Whether a span that was sampled with this probability (0: not known) is to be written anew.
  bool changes(double probability) const {
    return settings_.enabled() && probability > 0 && probability < 1;
  }

  // Appends the span's content with the count to `out`; everything else keeps its bytes. A
  // tracestate that cannot be read stays as it is.
  void write(std::string_view span, const TraceId& trace_id, double probability,
             std::string& out) const;

 private:
  struct Counted;

  Counted count(std::string_view trace_state, std::string_view span, const TraceId& trace_id,
                double probability) const;

  const AdjustedCountSettings settings_;
};

}  // namespace kernspan::sampling
