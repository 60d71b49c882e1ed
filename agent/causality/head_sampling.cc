#include "agent/causality/head_sampling.h"

#include "pipeline/processors/probabilistic_sampler/threshold.h"

namespace kernspan {

void sample_root(Exchange& root) {
  const Threshold threshold{root.sampling_rejected};
  if (threshold == Threshold::always()) return;
  if (root.header_context) {
    // It began elsewhere, and was decided on there.
    root.is_sampled_out = (root.trace_flags & kTraceFlagSampled) == 0;
    root.sampling_rejected = 0;
    return;
  }
  // By the trace id, so that whoever samples by it decides alike.
  const Randomness randomness = Randomness::of(root.trace_id);
  root.is_sampled_out = !threshold.keeps(randomness);
  if (root.is_sampled_out) return;
  // A gateway may give a derived trace its caller's id: what it was decided by goes with it.
  root.trace_state = root.trace_derived ? "ot=rv:" + randomness.digits() + ";th:" : "ot=th:";
  root.trace_state += threshold.digits();
}

}  // namespace kernspan
