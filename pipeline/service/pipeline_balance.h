// Whether the books of a pipeline's components agree with each other.
//
// Each component keeps its own books (ledger.h). A pipeline's balance is what they say together:
//
//   within a component   taken + recovered + from_peers = passed_on + to_peers + held + dropped
//   from one to the next passed_on by the one = taken by the other
//
// The difference is the sum of all deviations, each without its sign, so that two cannot hide each
// other. At rest it is 0. While data moves it may be off by what is between two counters.
//
// A hop is checked where it belongs to one pipeline alone: a receiver or exporter that several
// pipelines share has one set of books. Where a pipeline ends in several components, a batch that
// some took and others refused comes again: then only what is missing counts, not what is double.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "pipeline/base/ledger.h"
#include "pipeline/base/metrics.h"
#include "pipeline/service/settings.h"

namespace kernspan {

// Any thread.
class PipelineBalances {
 public:
  // The ledger outlives this object.
  PipelineBalances(const ServiceSettings& settings, const Ledger& ledger);

  struct Balance {
    std::string pipeline;
    std::uint64_t difference = 0;
    std::uint64_t moved = 0;  // the sum of all counters: unchanged means at rest
  };
  std::vector<Balance> balances() const;

  // kernspan_pipeline_balance_difference{pipeline}. Says in the log when a pipeline is off and
  // nothing has moved since the last time somebody asked.
  void collect(std::vector<MetricFamily>& families);

  // Once everything has stopped: a line in the log for each pipeline that is off.
  void report_at_rest() const;

 private:
  struct Hop {
    std::vector<std::string> from;
    std::vector<std::string> to;
  };
  struct Pipeline {
    std::string id;
    std::vector<std::string> stages;
    std::vector<Hop> hops;
    std::uint64_t last_moved = 0;  // touched by collect() alone, which the registry serialises
  };

  Pipeline describe(const ServiceSettings& settings, const PipelineSettings& pipeline) const;
  static Balance balance_of(const Pipeline& pipeline,
                            const std::map<std::string, StageBalance>& stages);
  std::map<std::string, StageBalance> stages() const;

  const Ledger& ledger_;
  std::vector<Pipeline> pipelines_;
};

}  // namespace kernspan
