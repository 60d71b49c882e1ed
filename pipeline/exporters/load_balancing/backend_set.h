// The backends of the moment: made, started, retired and stopped as the resolver says.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/base/metrics.h"
#include "pipeline/component/factory.h"
#include "pipeline/routing/hash_ring.h"
#include "pipeline/routing/resolver.h"

namespace kernspan {

// One of the endpoints that spans go to. Its metrics go when it goes.
class Backend {
 public:
  explicit Backend(std::string endpoint) : endpoint_(std::move(endpoint)) {}
  virtual ~Backend() = default;

  virtual Status start() = 0;
  // The resolver has it no more: ends by the deadline, and gives back what was not sent.
  virtual std::vector<otlp::Batch> retire(std::chrono::steady_clock::time_point deadline) = 0;
  // Any thread; brings the deadline of retire() forward.
  virtual void hasten(std::chrono::steady_clock::time_point deadline) = 0;
  // Sends what it holds until the deadline.
  virtual void stop(std::chrono::steady_clock::time_point deadline) = 0;

  const std::string& endpoint() const { return endpoint_; }
  Metrics& metrics() { return metrics_; }
  bool is_retired() const { return is_retired_; }
  void set_retired() { is_retired_ = true; }
  // The last attempt did not reach it, or it would not take the request.
  std::atomic<bool>& is_failing() { return is_failing_; }

 private:
  const std::string endpoint_;
  Metrics metrics_;
  std::atomic<bool> is_retired_ = false;
  std::atomic<bool> is_failing_ = false;
};

// Immutable. members[i] is at ring.endpoints()[i]; null where it could not be started.
struct Backends {
  HashRing ring;
  std::vector<std::shared_ptr<Backend>> members;

  bool empty() const { return members.empty(); }
};

class BackendSet {
 public:
  using Make = std::function<std::shared_ptr<Backend>(const std::string& endpoint)>;
  // What a backend held that is gone. Called when `backends` are current, from any thread.
  using OnOrphans = std::function<void(std::vector<otlp::Batch>)>;

  BackendSet(const ComponentContext& context, const ResolverSettings& resolver, Make make,
             OnOrphans on_orphans);
  ~BackendSet();

  // With a static resolver the error is that of the first backend that cannot be started.
  Status start();
  std::shared_ptr<const Backends> current() const;

  // Those that are about to go have until the deadline.
  void hasten(std::chrono::steady_clock::time_point deadline);
  // No backend comes or goes any more; those that are about to go have until the deadline.
  void freeze(std::chrono::steady_clock::time_point deadline);
  // Stops all backends, side by side. After freeze(); idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);

 private:
  struct Retirement {
    std::shared_ptr<Backend> backend;
    std::atomic<bool> is_over = false;
    std::thread thread;
  };

  void on_change(const std::vector<std::string>& endpoints);
  std::shared_ptr<Backend> make_started(const std::string& endpoint);
  void retire(std::shared_ptr<Backend> backend);
  void join_retirements(bool all);
  void collect(std::vector<MetricFamily>& families) const;

  const std::string path_;
  const Make make_;
  const OnOrphans on_orphans_;
  const std::unique_ptr<Resolver> resolver_;
  Counter& retired_;

  mutable std::mutex mutex_;  // guards the three below
  Status first_start_;        // the error of a backend that could not be started
  std::shared_ptr<const Backends> current_ = std::make_shared<Backends>();
  std::list<Retirement> retirements_;
  Metrics::Registration registration_;
};

}  // namespace kernspan
