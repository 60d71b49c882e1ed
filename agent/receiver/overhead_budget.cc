#include "agent/receiver/overhead_budget.h"

#include <algorithm>
#include <cmath>

#include "agent/probes/abi.h"

namespace kernspan {
namespace {

// Of the budget what a step back may be expected to take: costs differ from second to second.
constexpr double kRoom = 0.9;
// A step halves the cost at the best: some of it does not depend on how many connections are followed.
constexpr std::uint32_t kStepsAtOnceMax = 3;

std::uint32_t steps_until(double probability) {
  const double steps = std::floor(-std::log2(std::clamp(probability, 1e-9, 1.0)) + 1e-9);
  return std::min(static_cast<std::uint32_t>(steps), std::uint32_t{KS_SHED_STEP_MAX});
}

}  // namespace

OverheadBudget::OverheadBudget(OverheadBudgetSettings settings)
    : settings_(settings),
      step_max_(steps_until(settings.min_probability)),
      calm_needed_(settings.calm_intervals) {}

std::optional<std::uint32_t> OverheadBudget::update(std::uint64_t now_ns, std::uint64_t cpu_ns) {
  if (!has_begun_) {
    has_begun_ = true;
    since_ns_ = now_ns;
    since_cpu_ns_ = cpu_ns;
    return std::nullopt;
  }
  if (now_ns < since_ns_ + settings_.interval_ns) return std::nullopt;
  const double used = cpu_ns > since_cpu_ns_ ? static_cast<double>(cpu_ns - since_cpu_ns_) : 0.0;
  cpus_ = used / static_cast<double>(now_ns - since_ns_);
  since_ns_ = now_ns;
  since_cpu_ns_ = cpu_ns;
  return is_limited() ? decide() : std::nullopt;
}

std::optional<std::uint32_t> OverheadBudget::decide() {
  if (since_back_ > 0 && ++since_back_ > calm_needed_) {
    since_back_ = 0;
    if (step_ == 0) calm_needed_ = settings_.calm_intervals;
  }
  if (cpus_ > settings_.max_cpus) {
    calm_ = 0;
    if (step_ == step_max_) return std::nullopt;
    if (since_back_ > 0) {
      calm_needed_ = std::min(2 * calm_needed_, settings_.calm_intervals_max);
      since_back_ = 0;
    }
    const double wanted = std::ceil(std::log2(cpus_ / settings_.max_cpus));
    const auto steps =
        static_cast<std::uint32_t>(std::clamp(wanted, 1.0, static_cast<double>(kStepsAtOnceMax)));
    step_ = std::min(step_ + steps, step_max_);
    return step_;
  }
  if (step_ == 0 || 2 * cpus_ > kRoom * settings_.max_cpus) {
    calm_ = 0;
    return std::nullopt;
  }
  if (++calm_ < calm_needed_) return std::nullopt;
  calm_ = 0;
  since_back_ = 1;
  --step_;
  return step_;
}

}  // namespace kernspan
