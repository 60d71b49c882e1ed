// Policies made of policies.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/processors/tail_sampling/policies/policy.h"
#include "pipeline/processors/tail_sampling/policies/token_bucket.h"

namespace kernspan::sampling {

using PolicyParts = std::vector<std::unique_ptr<Policy>>;

// Sampled when all parts sample. The parts are asked in order until one does not: a rate in the
// first place is spent on traces that a later part turns down.
class AndPolicy final : public Policy {
 public:
  AndPolicy(PolicyParts parts, Axis own) : parts_(std::move(parts)), axis_(own) {}

  Decision decide(const Question& question) override;
  Chance chance(const Question& question) override;

 private:
  PolicyParts parts_;
  const Axis axis_;
};

// Dropped when all parts sample.
class DropPolicy final : public Policy {
 public:
  DropPolicy(PolicyParts parts, Axis own) : all_(std::move(parts), own) {}

  Decision decide(const Question& question) override;
  Chance chance(const Question& question) override { return all_.chance(question); }

 private:
  AndPolicy all_;
};

class NotPolicy final : public Policy {
 public:
  NotPolicy(std::unique_ptr<Policy> part, Axis own) : part_(std::move(part)), axis_(own) {}

  Decision decide(const Question& question) override;
  Chance chance(const Question& question) override;

 private:
  std::unique_ptr<Policy> part_;
  const Axis axis_;
};

// The first part that would sample decides, and samples if what it has sampled in this second, and
// what all parts have, leaves room for the trace's spans.
class CompositePolicy final : public Policy {
 public:
  struct Part {
    std::string name;
    std::unique_ptr<Policy> policy;
    std::int64_t spans_per_second = 0;
    std::int64_t spans_in_second = 0;
    GrantedShare granted = {};
  };

  CompositePolicy(std::vector<Part> parts, std::int64_t max_spans_per_second, Axis own)
      : parts_(std::move(parts)), max_spans_per_second_(max_spans_per_second), axis_(own) {}

  Decision decide(const Question& question) override;
  Chance chance(const Question& question) override;
  std::string_view deciding_part() const override { return deciding_part_; }

 private:
  bool take(Part& part, std::int64_t spans);

  std::vector<Part> parts_;
  const std::int64_t max_spans_per_second_;
  const Axis axis_;
  std::uint64_t second_ = 0;
  std::int64_t spans_in_second_ = 0;
  std::string_view deciding_part_;
};

}  // namespace kernspan::sampling
