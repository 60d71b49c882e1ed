#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <vector>

#include "pipeline/routing/resolver.h"
#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {

// What a resolver told of its endpoints.
class EndpointLog {
 public:
  using Endpoints = std::vector<std::string>;

  Resolver::OnChange listener() {
    return [this](const Endpoints& endpoints) {
      const std::scoped_lock lock(mutex_);
      sets_.push_back(endpoints);
      changed_.notify_all();
    };
  }
  bool wait_for(const Endpoints& endpoints) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience,
                             [&] { return !sets_.empty() && sets_.back() == endpoints; });
  }
  std::vector<Endpoints> sets() {
    const std::scoped_lock lock(mutex_);
    return sets_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Endpoints> sets_;
};

// Waits until a metric has at least that value.
inline bool wait_for_metric(const ComponentStage& stage, const std::string& name,
                            const MetricLabels& labels, double value) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (stage.metric(name, labels) < value) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

}  // namespace kernspan
