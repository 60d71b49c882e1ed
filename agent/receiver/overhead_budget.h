// How much the agent may cost, and what share of the connections it follows so that it costs no more.
//
// Looked at once per interval. Over budget: one step, or as many as the excess asks for (a step halves what is
// followed). Back by one step only when twice the cost of now would fit with room to spare, for so many intervals in a
// row; each time that a step back is regretted within the same number of intervals that number doubles, up to a bound.
#pragma once

#include <cstdint>
#include <optional>

namespace kernspan {

struct OverheadBudgetSettings {
  double max_cpus = 0;  // 0: no limit
  // The smallest share of the connections that is still followed.
  double min_probability = 1.0 / 1024;
  std::uint64_t interval_ns = 1'000'000'000;
  std::uint32_t calm_intervals = 10;
  std::uint32_t calm_intervals_max = 300;
};

// Without a clock; one thread.
class OverheadBudget {
 public:
  explicit OverheadBudget(OverheadBudgetSettings settings);

  // `cpu_ns`: all that agent and probes have used since they began. The new step, when it changes.
  std::optional<std::uint32_t> update(std::uint64_t now_ns, std::uint64_t cpu_ns);

  bool is_limited() const { return settings_.max_cpus > 0; }
  std::uint32_t step() const { return step_; }
  double probability() const { return 1.0 / static_cast<double>(1u << step_); }
  double cpus() const { return cpus_; }  // used in the last whole interval

 private:
  std::optional<std::uint32_t> decide();

  const OverheadBudgetSettings settings_;
  const std::uint32_t step_max_;
  bool has_begun_ = false;
  std::uint64_t since_ns_ = 0;
  std::uint64_t since_cpu_ns_ = 0;
  double cpus_ = 0;
  std::uint32_t step_ = 0;
  std::uint32_t calm_ = 0;  // intervals in a row that leave room for twice as much
  std::uint32_t calm_needed_;
  std::uint32_t since_back_ = 0;  // intervals since the last step back; 0: none
};

}  // namespace kernspan
