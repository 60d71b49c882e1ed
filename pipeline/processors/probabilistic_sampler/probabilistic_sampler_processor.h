// Type `probabilistic_sampler`: keeps a share of the traces, deciding span by span from the trace
// id alone, so that all spans of a trace meet the same fate wherever they are seen.
#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "pipeline/component/factory.h"
#include "pipeline/processors/probabilistic_sampler/sampler.h"

namespace kernspan {

// Keys: sampling_percentage, mode, hash_seed, sampling_precision, fail_closed.
ProcessorFactory probabilistic_sampler_processor_factory();

// Books: spans that are not kept are dropped, not_sampled; those that no decision could be made for
// and that fail_closed drops, undecidable.
class ProbabilisticSamplerProcessor final : public Processor {
 public:
  ProbabilisticSamplerProcessor(const ComponentContext& context, const SamplerSettings& settings,
                                Consumer& next);

  Status start() override { return {}; }
  void stop(std::chrono::steady_clock::time_point) override {}
  // Any thread.
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  struct Tally;

  void count(const Tally& tally);

  const std::string id_;
  const std::string path_;
  const Sampler sampler_;
  Consumer& next_;
  Metrics& metrics_;
  StageBooks& books_;
  Counter& not_sampled_;
  Counter& undecidable_;
};

}  // namespace kernspan
