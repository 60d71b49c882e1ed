// The policies of one tail_sampling processor: read once, then one Policies per shard, because
// rates and caches are state that shards do not share.
//
//   std::vector<PolicySettings> settings = read_policies(reader);  // the processor's section
//   PolicyCounters counters(settings, context.id, context.metrics);
//   Policies policies(settings, {.shards = 4}, counters);          // per shard
//   Verdict verdict = policies.decide(trace, clock.monotonic_ns());
//   policies.publish_counts();                                     // once per round of decisions
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/policy_counters.h"
#include "pipeline/processors/tail_sampling/policies/policy_settings.h"
#include "pipeline/processors/tail_sampling/policies/verdict.h"
#include "pipeline/processors/tail_sampling/span_facts.h"
#include "pipeline/processors/tail_sampling/trace_view.h"

namespace kernspan::sampling {

struct PoliciesOptions {
  // The first policy that samples ends the evaluation; policies behind it are not asked and not
  // counted. Drop policies are always asked first.
  bool sample_on_first_match = false;
  // Rates are divided by it: each shard sees its share of the traces.
  std::size_t shards = 1;
  // To which the policies add theirs, for shards to share; null: its own.
  std::shared_ptr<SpanFacts> facts = nullptr;
};

// One thread: that of the shard.
class Policies {
 public:
  // `counters` are shared by the shards and outlive this; the settings are not needed afterwards.
  Policies(const std::vector<PolicySettings>& settings, const PoliciesOptions& options,
           PolicyCounters& counters);
  ~Policies();
  Policies(Policies&&) noexcept;
  Policies& operator=(Policies&&) noexcept;

  // Dropped if any drop policy drops, else sampled if any other policy samples. `now_ns` is
  // monotonic and moves the rates. Spends what limits allow, and counts: once per trace and
  // decision.
  Verdict decide(const TraceView& trace, std::uint64_t now_ns);

  // For sampling_strategy span-ingest, with what is there of the trace: a verdict that no further
  // span is expected to change, or nothing. With drop policies none is ever sampled so early.
  std::optional<Verdict> decide_early(const TraceView& trace, std::uint64_t now_ns);

  // Whether some policy looks at spans themselves, beyond TraceView::facts.
  bool looks_at_spans() const { return looks_at_spans_; }

  // In the order of evaluation: drop policies first, then as configured.
  std::size_t size() const { return policies_.size(); }
  std::string_view name(std::size_t policy) const { return policies_[policy].name; }

  // Adds what has been counted since the last call to the counters.
  void publish_counts();

 private:
  struct Entry {
    std::string name;
    std::unique_ptr<Policy> policy;
    bool is_drop = false;
    bool by_chance = false;
    std::optional<Decision> decision = {};  // about the trace in question; nothing: not asked
    // Since the last publish_counts(), by decision.
    std::array<std::uint64_t, 3> traces = {};
    std::array<std::uint64_t, 3> spans = {};
    std::uint64_t executions = 0;
  };

  Decision ask(Entry& entry, const Question& question);
  void set_probability(Verdict& verdict, const Question& question);

  PoliciesOptions options_;
  PolicyCounters* counters_;
  std::unique_ptr<TraceScan> scan_;  // at one place, for policies refer to it
  std::vector<Entry> policies_;
  bool looks_at_spans_ = false;
  bool drops_by_chance_ = false;
  std::uint64_t errors_ = 0;
  std::vector<Chance> sampling_;
  std::vector<Chance> dropping_;
  std::vector<Chance> scratch_;
};

}  // namespace kernspan::sampling
