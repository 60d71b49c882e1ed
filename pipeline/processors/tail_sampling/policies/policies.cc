#include "pipeline/processors/tail_sampling/policies/policies.h"

#include <algorithm>
#include <utility>

#include "pipeline/processors/tail_sampling/policies/policy_factory.h"

namespace kernspan::sampling {

Policies::Policies(const std::vector<PolicySettings>& settings, const PoliciesOptions& options,
                   PolicyCounters& counters)
    : options_(options), counters_(&counters), scan_(std::make_unique<TraceScan>()) {
  if (options_.facts == nullptr) options_.facts = std::make_shared<SpanFacts>();
  PolicyFactory factory(*scan_, *options_.facts, options_.shards);
  for (const PolicySettings& policy : settings) {
    policies_.push_back({.name = policy.name,
                         .policy = factory.make(policy),
                         .is_drop = policy.is_drop(),
                         .by_chance = traits_of(policy).by_chance});
    drops_by_chance_ |= policies_.back().is_drop && policies_.back().by_chance;
  }
  looks_at_spans_ = factory.looks_at_spans();
}

Policies::~Policies() = default;
Policies::Policies(Policies&&) noexcept = default;
Policies& Policies::operator=(Policies&&) noexcept = default;

Decision Policies::ask(Entry& entry, const Question& question) {
  const Decision decision = entry.policy->decide(question);
  entry.decision = decision;
  ++entry.executions;
  if (decision == Decision::kError) {
    ++errors_;
  } else {
    ++entry.traces[static_cast<std::size_t>(decision)];
    entry.spans[static_cast<std::size_t>(decision)] += question.trace.span_count();
  }
  return decision;
}

Verdict Policies::decide(const TraceView& trace, std::uint64_t now_ns) {
  scan_->start(trace);
  const TraceFacts facts = trace.facts ? *trace.facts : options_.facts->of(trace.spans);
  const Question question{.trace = trace, .facts = facts, .scan = *scan_, .now_ns = now_ns};
  for (Entry& entry : policies_) entry.decision.reset();
  Verdict verdict;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    const Decision decision = ask(policies_[i], question);
    if (decision == Decision::kDropped) return {.outcome = Outcome::kDropped, .policy = i};
    if (decision != Decision::kSampled || verdict.sampled()) continue;
    verdict = {.outcome = Outcome::kSampled,
               .policy = i,
               .sub_policy = policies_[i].policy->deciding_part()};
    if (options_.sample_on_first_match) break;
  }
  if (verdict.sampled()) set_probability(verdict, question);
  return verdict;
}

std::optional<Verdict> Policies::decide_early(const TraceView& trace, std::uint64_t now_ns) {
  scan_->start(trace);
  const TraceFacts facts = trace.facts ? *trace.facts : options_.facts->of(trace.spans);
  const Question question{.trace = trace, .facts = facts, .scan = *scan_, .now_ns = now_ns};
  for (Entry& entry : policies_) entry.decision.reset();
  bool may_yet_be_dropped = false;
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    Entry& entry = policies_[i];
    if (!entry.is_drop && may_yet_be_dropped) return std::nullopt;
    const Decision decision = ask(entry, question);
    if (decision == Decision::kDropped) return Verdict{.outcome = Outcome::kDropped, .policy = i};
    may_yet_be_dropped |= entry.is_drop;
    if (decision != Decision::kSampled) continue;
    Verdict verdict{.outcome = Outcome::kSampled, .policy = i};
    set_probability(verdict, question);
    return verdict;
  }
  return std::nullopt;
}

// A policy without chance that has sampled settles it. Otherwise all policies count, those that
// have not been asked and those that have said no as well: a trace like this one, with another id,
// might have been sampled by them.
void Policies::set_probability(Verdict& verdict, const Question& question) {
  if (!drops_by_chance_ && std::ranges::any_of(policies_, [](const Entry& entry) {
        return !entry.by_chance && entry.decision == Decision::kSampled;
      })) {
    verdict.probability = 1;
    return;
  }
  sampling_.clear();
  dropping_.clear();
  for (Entry& entry : policies_) {
    if (entry.decision == Decision::kError) continue;
    const Chance chance =
        entry.by_chance || !entry.decision
            ? entry.policy->chance(question)
            : Chance::of(entry.decision == Decision::kSampled);  // no drop policy has dropped
    if (chance.is_never()) continue;
    verdict.estimated |= chance.estimated;
    (entry.is_drop ? dropping_ : sampling_).push_back(chance);
  }
  const double probability = probability_of(sampling_, dropping_, scratch_);
  if (probability > 0) verdict.probability = std::min(probability, 1.0);
}

void Policies::publish_counts() {
  for (std::size_t i = 0; i < policies_.size(); ++i) {
    Entry& entry = policies_[i];
    if (entry.executions == 0) continue;
    counters_->executions(i).add(std::exchange(entry.executions, 0));
    for (const Decision decision :
         {Decision::kNotSampled, Decision::kSampled, Decision::kDropped}) {
      const auto number = static_cast<std::size_t>(decision);
      if (entry.traces[number] == 0) continue;
      counters_->of(i, decision).traces.add(std::exchange(entry.traces[number], 0));
      counters_->of(i, decision).spans.add(std::exchange(entry.spans[number], 0));
    }
  }
  if (errors_ != 0) counters_->errors().add(std::exchange(errors_, 0));
}

}  // namespace kernspan::sampling
