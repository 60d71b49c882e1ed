#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "pipeline/otlp/batch.h"
#include "pipeline/processors/tail_sampling/adjusted_count.h"
#include "pipeline/processors/tail_sampling/trace_table.h"

namespace kernspan::sampling {

// Spans that are to go on: what came in one request goes out together, whichever traces it belongs
// to. One thread.
class KeptSpans {
 public:
  explicit KeptSpans(AdjustedCountSettings adjusted) : adjusted_(std::move(adjusted)) {}
  KeptSpans(const KeptSpans&) = delete;
  KeptSpans& operator=(const KeptSpans&) = delete;
  ~KeptSpans();

  // Takes over the run's holds. `probability` of having been sampled; 0: not known.
  void add(const SpanRun& run, double probability);

  std::size_t size() const { return spans_.size(); }
  bool empty() const { return spans_.empty(); }

  // Everything in order of arrival, in batches of kMostTogether spans. Where most of a request is
  // kept its bytes stay where they are; else the spans are copied, so that a few do not keep the
  // whole request alive in the queues behind.
  static constexpr std::size_t kMostTogether = 8192;
  std::vector<otlp::Batch> take();

 private:
  struct Kept {
    HeldRequest* request;
    std::uint32_t span;
    double probability;
  };

  otlp::Batch take_request(std::size_t begin, std::size_t end);

  const AdjustedCount adjusted_;
  std::vector<Kept> spans_;
  std::string content_;  // of one span; reused
};

}  // namespace kernspan::sampling
