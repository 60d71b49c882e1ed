#include "pipeline/processors/probabilistic_sampler/sampler.h"

#include <algorithm>
#include <expected>

#include "pipeline/processors/probabilistic_sampler/trace_state.h"

namespace kernspan {
namespace {

constexpr int kHashBits = 14;
constexpr std::uint32_t kHashBuckets = 1U << kHashBits;
constexpr int kUnusedBits = 56 - kHashBits;

// The hash as 56 random bits that lead to the decision `hash < accepted buckets`: its 14 low bits,
// inverted, come first. The rest only fills the number.
Randomness hashed_randomness(const TraceId& trace_id, std::uint32_t seed) {
  const std::uint32_t hash = seeded_hash(trace_id.view(), seed);
  const std::uint64_t bucket = hash & (kHashBuckets - 1);
  const std::uint64_t inverted = kHashBuckets - 1 - bucket;
  const std::uint64_t unused = hash >> (32 - kHashBits);
  const std::uint64_t mixed = unused ^ unused << 10;
  return {inverted << kUnusedBits | mixed << kHashBits | bucket};
}

constexpr Randomness kKeptAlways{kThresholdEnd - 1};

}  // namespace

std::uint32_t seeded_hash(std::string_view bytes, std::uint32_t seed) {
  constexpr std::uint32_t kOffsetBasis = 2166136261U;
  constexpr std::uint32_t kPrime = 16777619U;
  std::uint32_t hash = kOffsetBasis;
  const auto add = [&hash](std::uint8_t byte) { hash = (hash ^ byte) * kPrime; };
  for (int shift = 0; shift < 32; shift += 8) add(static_cast<std::uint8_t>(seed >> shift));
  for (const char byte : bytes) add(static_cast<std::uint8_t>(byte));
  return hash;
}

Sampler::Sampler(const SamplerSettings& settings) : settings_(settings) {
  const float percentage = std::min(settings.percentage, 100.0F);
  never_ = percentage == 0;
  constexpr double kSmallest = 1 / static_cast<double>(kThresholdEnd);
  ratio_ = std::max(static_cast<double>(percentage) / 100, kSmallest);
  if (settings.mode == SamplerMode::kHashSeed) {
    constexpr float kBucketsPerPercent = kHashBuckets / 100.0F;
    const auto accepted = static_cast<std::uint32_t>(percentage * kBucketsPerPercent);
    never_ = accepted == 0;
    threshold_ = {static_cast<std::uint64_t>(kHashBuckets - accepted) << kUnusedBits};
  } else if (settings.mode == SamplerMode::kEqualizing) {
    threshold_ =
        Threshold::of_probability(ratio_, settings.precision).value_or(Threshold::always());
  }
}

Threshold Sampler::threshold_for(const std::optional<Threshold>& arriving) const {
  if (never_) return Threshold::never();
  if (settings_.mode != SamplerMode::kProportional) return threshold_;
  const double incoming = arriving ? arriving->probability() : 1.0;
  // Nothing: the product is below what can be expressed.
  return Threshold::of_probability(incoming * ratio_, settings_.precision)
      .value_or(Threshold::never());
}

// Where a span's random bits come from, and what stands in the way of using them.
struct Sampler::Source {
  Randomness randomness = kKeptAlways;
  const char* policy = "missing_randomness";
  const char* error = nullptr;
};

Sampler::Source Sampler::hash_source(const TraceId& trace_id, const TraceState& state) const {
  Source source;
  if (trace_id.is_valid()) {
    source.randomness = hashed_randomness(trace_id, settings_.hash_seed);
    source.policy = "trace_id_hash";
  } else {
    source.error = "missing randomness";
  }
  // These belong to the other modes, and are left alone.
  if (state.randomness()) {
    source.error = "item has sampling randomness, equalizing or proportional mode recommended";
  } else if (state.threshold()) {
    source.error = "item has sampling threshold, equalizing or proportional mode recommended";
  }
  return source;
}

Sampler::Source Sampler::consistent_source(const TraceId& trace_id, const TraceState& state) const {
  if (state.randomness()) return {*state.randomness(), "sampling_randomness", nullptr};
  if (trace_id.is_valid()) return {Randomness::of(trace_id), "trace_id_w3c", nullptr};
  return {.error = "missing randomness"};
}

SamplingDecision Sampler::decide(const TraceId& trace_id, std::string_view trace_state,
                                 SamplingPriority priority) const {
  std::expected<TraceState, const char*> parsed = TraceState::parse(trace_state);
  TraceState state = parsed ? *std::move(parsed) : TraceState();
  bool may_write = parsed.has_value();
  Source source;
  if (never_) {
    source.policy = "sampling_priority";
  } else if (settings_.mode == SamplerMode::kHashSeed) {
    source = hash_source(trace_id, state);
    may_write = may_write && !state.randomness() && !state.threshold();
    // The random bits travel on, so that samplers of the other modes agree.
    if (may_write) state.set_randomness(source.randomness);
  } else if (parsed) {
    source = consistent_source(trace_id, state);
  }
  if (!parsed) source.error = parsed.error();
  if (source.error == nullptr && state.threshold() &&
      !state.threshold()->keeps(source.randomness)) {
    source.error = "inconsistent arriving threshold: item should not have been sampled";
    state.clear_threshold();
  }

  SamplingDecision decision;
  decision.policy = source.policy;
  decision.error = source.error;
  Threshold threshold = threshold_for(state.threshold());
  if (source.error != nullptr) {
    threshold = settings_.fail_closed ? Threshold::never() : Threshold::always();
  }
  if (priority != SamplingPriority::kNone) {
    threshold = priority == SamplingPriority::kKeep ? Threshold::always() : Threshold::never();
    decision.policy = "sampling_priority";
  }
  decision.keep = threshold.keeps(source.randomness);
  if (!decision.keep || !may_write) return decision;
  state.raise_threshold(threshold);
  if (std::string text = state.to_string(); text != trace_state) {
    decision.trace_state = std::move(text);
  }
  return decision;
}

}  // namespace kernspan
