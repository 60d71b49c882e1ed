#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/ids.h"
#include "pipeline/processors/probabilistic_sampler/threshold.h"
#include "pipeline/processors/probabilistic_sampler/trace_state.h"

namespace kernspan {

enum class SamplerMode {
  kHashSeed,      // FNV-1a of seed and trace id, 14 bits of it
  kProportional,  // the given share of what arrives, whatever was sampled before
  kEqualizing,    // all spans to the given probability; those that have a lower one stay
};

struct SamplerSettings {
  SamplerMode mode = SamplerMode::kProportional;
  float percentage = 0;  // single precision as upstream, whose roundings decide
  std::uint32_t hash_seed = 0;
  int precision = 4;        // hex digits of a threshold, 1 to 14; 0 is all
  bool fail_closed = true;  // spans that no decision can be made for are dropped
};

// What the attribute sampling.priority asks for.
enum class SamplingPriority { kNone, kKeep, kDrop };

struct SamplingDecision {
  bool keep = false;
  // What decided, as upstream's metric calls it: trace_id_hash, trace_id_w3c, ...
  const char* policy = "";
  // Why no ordinary decision was possible; null when it was.
  const char* error = nullptr;
  // The tracestate that the span must have from now on; nothing where it stays.
  std::optional<std::string> trace_state;
};

// Decides as the collector's probabilistic_sampler does, span by span from nothing but the span.
// Any thread.
class Sampler {
 public:
  explicit Sampler(const SamplerSettings& settings);

  SamplingDecision decide(const TraceId& trace_id, std::string_view trace_state,
                          SamplingPriority priority) const;

  // Nothing is kept but what has a priority: a percentage of 0, or too small for the mode.
  bool keeps_nothing() const { return never_; }

 private:
  struct Source;  // of randomness

  Source hash_source(const TraceId& trace_id, const TraceState& state) const;
  Source consistent_source(const TraceId& trace_id, const TraceState& state) const;
  Threshold threshold_for(const std::optional<Threshold>& arriving) const;

  const SamplerSettings settings_;
  bool never_ = false;
  double ratio_ = 0;
  Threshold threshold_;  // of all modes but the proportional one
};

// The 32 bits that mode hash_seed starts from: FNV-1a of the seed, lowest byte first, and the bytes.
std::uint32_t seeded_hash(std::string_view bytes, std::uint32_t seed);

}  // namespace kernspan
