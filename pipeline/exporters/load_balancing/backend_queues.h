#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "pipeline/component/factory.h"
#include "pipeline/exporters/load_balancing/backend_set.h"
#include "pipeline/exporters/load_balancing/load_balancing_settings.h"
#include "pipeline/exporters/sender/queued_sender.h"

namespace kernspan {

// A queue per backend: one that is down or slow does not keep the others waiting. A batch is taken
// when each of its parts is in a queue; what a backend that is gone has not sent goes to the queues
// of those who own it now. All queues share the exporter's books.
//
// A part for which there is no room makes the exporter refuse the whole batch, retryably; unless its
// backend is failing, and others are not: then the part is dropped (backend_down), and the rest goes
// its way.
class BackendQueues final : public Exporter {
 public:
  BackendQueues(const ComponentContext& context, LoadBalancingSettings settings);
  ~BackendQueues() override;

  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;
  // Any thread.
  Status consume(otlp::Batch batch) override;
  // Refuses while there is no backend, or none has room.
  Status admit(otlp::Signal signal, std::size_t bytes) override;

 private:
  enum class Verdict { kEnqueue, kDrop, kRefuse, kRefuseForGood };

  std::shared_ptr<Backend> make_backend(const std::string& endpoint);
  Verdict judge(const Backends& backends, const OwnedPart& part) const;
  void enqueue(const Backends& backends, OwnedPart part);
  void place(otlp::Batch batch);
  void place_orphans(std::vector<otlp::Batch> orphans);
  Status refuse(std::size_t spans, ErrorKind kind, const std::string& why);
  void drop(std::size_t spans, Counter& reason);

  const LoadBalancingSettings settings_;
  const std::string id_;
  const std::string path_;
  const otlp::Signals signals_;
  const Extensions& extensions_;
  Metrics& metrics_;
  Ledger& ledger_;
  StageBooks& books_;
  const Clock& clock_;
  ConfigWarnings no_warnings_;  // for the contexts of backends
  const SendCountersBySignal counters_;
  Counter& dropped_down_;
  Counter& dropped_shutdown_;
  Counter& rerouted_;

  std::atomic<bool> running_ = false;
  std::mutex orphans_mutex_;
  std::vector<otlp::Batch> orphans_;  // in the books as held; while there is no backend
  std::unique_ptr<BackendSet> backends_;
};

}  // namespace kernspan
