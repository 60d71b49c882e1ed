#include "pipeline/processors/tail_sampling/policies/combining_policies.h"

namespace kernspan::sampling {

Decision AndPolicy::decide(const Question& question) {
  for (const std::unique_ptr<Policy>& part : parts_) {
    const Decision decision = part->decide(question);
    if (decision != Decision::kSampled) return decision;
  }
  return Decision::kSampled;
}

Chance AndPolicy::chance(const Question& question) {
  Chance all = Chance::always();
  for (const std::unique_ptr<Policy>& part : parts_) {
    all = both(all, part->chance(question), axis_);
    if (all.is_never()) break;
  }
  return all;
}

Decision DropPolicy::decide(const Question& question) {
  const Decision decision = all_.decide(question);
  return decision == Decision::kSampled ? Decision::kDropped : decision;
}

Decision NotPolicy::decide(const Question& question) {
  switch (const Decision decision = part_->decide(question)) {
    case Decision::kSampled:
      return Decision::kNotSampled;
    case Decision::kNotSampled:
      return Decision::kSampled;
    default:
      return decision;
  }
}

Chance NotPolicy::chance(const Question& question) {
  return opposite(part_->chance(question), axis_);
}

Decision CompositePolicy::decide(const Question& question) {
  constexpr std::uint64_t kNsPerSecond = 1'000'000'000;
  if (const std::uint64_t second = question.now_ns / kNsPerSecond; second != second_) {
    second_ = second;
    spans_in_second_ = 0;
    for (Part& part : parts_) part.spans_in_second = 0;
  }
  for (Part& part : parts_) {
    const Decision decision = part.policy->decide(question);
    if (decision == Decision::kError) return decision;
    if (decision != Decision::kSampled) continue;
    const auto spans = static_cast<std::int64_t>(question.trace.span_count());
    const bool granted = take(part, spans);
    part.granted.add(static_cast<double>(spans), granted, question.now_ns);
    if (!granted) return Decision::kNotSampled;
    deciding_part_ = part.name;
    return Decision::kSampled;
  }
  return Decision::kNotSampled;
}

bool CompositePolicy::take(Part& part, std::int64_t spans) {
  if (part.spans_in_second + spans > part.spans_per_second ||
      spans_in_second_ + spans > max_spans_per_second_) {
    return false;
  }
  part.spans_in_second += spans;
  spans_in_second_ += spans;
  return true;
}

// Each part gets what those before it have left over.
Chance CompositePolicy::chance(const Question& question) {
  double sampled = 0;
  double left = 1;
  bool estimated = false;
  for (Part& part : parts_) {
    const Chance chance = part.policy->chance(question);
    if (chance.is_never()) continue;
    const double share = part.granted.value();
    estimated |= share < 1 || chance.estimated;
    sampled += left * chance.probability() * share;
    left *= 1 - chance.probability();
    if (chance.is_always()) break;
  }
  return Chance::of(sampled, axis_, estimated);
}

}  // namespace kernspan::sampling
