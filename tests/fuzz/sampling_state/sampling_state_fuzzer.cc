// The sampler on arbitrary tracestates. Input: 16 bytes of trace id, a byte that chooses mode and
// percentage, the tracestate.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

#include "pipeline/processors/probabilistic_sampler/sampler.h"
#include "pipeline/processors/probabilistic_sampler/trace_state.h"

namespace kernspan {
namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

// What is written reads as the same again.
void check_round_trip(const std::string& text) {
  const auto state = TraceState::parse(text);
  if (!state) return;
  const std::string once = state->to_string();
  const auto again = TraceState::parse(once);
  check(again && again->to_string() == once);
}

void check_sampler(const TraceId& id, const std::string& text, std::uint8_t choice) {
  constexpr float kPercentages[] = {0, 0.01F, 1, 33.3F, 50, 99.99F, 100};
  const auto mode = static_cast<SamplerMode>(choice % 3);
  SamplerSettings settings{.mode = mode, .percentage = kPercentages[choice / 3 % 7]};
  settings.fail_closed = choice % 2 == 0;
  const SamplingDecision decision = Sampler(settings).decide(id, text, SamplingPriority::kNone);
  if (!decision.trace_state) return;
  check(decision.keep);
  const auto state = TraceState::parse(*decision.trace_state);
  // The state may have grown beyond what a tracestate may be; else it is one, and tells the truth.
  if (!state) return;
  check(state->threshold().has_value());
  if (decision.error == nullptr && state->randomness()) {
    check(state->threshold()->keeps(*state->randomness()));
  }
}

}  // namespace
}  // namespace kernspan

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan;
  constexpr std::size_t kHead = 17;
  if (size < kHead) return 0;
  TraceId id;
  std::memcpy(id.bytes.data(), data, id.bytes.size());
  const std::string text(reinterpret_cast<const char*>(data + kHead), size - kHead);
  check_round_trip(text);
  check_sampler(id, text, data[kHead - 1]);
  return 0;
}
