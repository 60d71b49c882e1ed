// Type `resource_detection`: adds to every resource what is known of the machine, the container
// host or the node that this program runs on.
//
// Detectors run one after another on a thread of their own; what the first of them says of a key
// counts. start() waits for the first round, but not longer than `timeout`: what comes later is
// used from then on. A detector that failed for a reason that may go away is tried again.
#pragma once

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/component/factory.h"
#include "pipeline/processors/resource_detection/detector.h"

namespace kernspan {

// Keys: detectors, timeout, override, refresh_interval, fail_on_missing_metadata, attributes; the
// detectors' own blocks system, docker, k8s_api.
ProcessorFactory resource_detection_processor_factory();
ProcessorFactory resource_detection_processor_factory(DetectionSources sources);

struct NamedDetector {
  std::string name;
  std::unique_ptr<Detector> detector;
};

struct ResourceDetectionSettings {
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);
  std::chrono::nanoseconds refresh_interval{0};  // 0: once
  std::chrono::nanoseconds retry_interval = std::chrono::seconds(10);
  bool replaces = true;  // `override`
  bool fails_when_missing = false;
  std::vector<std::string> only;  // attributes to report; empty: all
};

// Holds nothing.
class ResourceDetectionProcessor final : public Processor {
 public:
  ResourceDetectionProcessor(const ComponentContext& context, ResourceDetectionSettings settings,
                             std::vector<NamedDetector> detectors, Consumer& next);
  ~ResourceDetectionProcessor() override;

  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;
  // Any thread.
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  // Key and encoded value.
  using Attributes = std::vector<std::pair<std::string, std::string>>;
  struct Slot {
    NamedDetector detector;
    DetectedAttributes found;  // last time it worked
    std::string last_error;    // empty: it worked
    bool may_work_later = false;
  };

  void run();
  // Without the lock. What went wrong, a line per detector.
  std::string detect(bool only_failed);
  Status detect(Slot& slot);
  void publish();
  std::chrono::nanoseconds next_round() const;

  const std::string path_;
  const ResourceDetectionSettings settings_;
  Consumer& next_;
  StageBooks& books_;
  Metrics& metrics_;
  const std::string id_;

  std::vector<Slot> slots_;  // the thread's

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::shared_ptr<const Attributes> attributes_;
  bool first_round_done_ = false;
  std::string first_errors_;
  bool running_ = false;
  std::thread thread_;
};

}  // namespace kernspan
