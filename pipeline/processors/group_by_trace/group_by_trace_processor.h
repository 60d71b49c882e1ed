// Type `groupbytrace`: collects the spans of each trace for a while and passes them on together, a
// batch for each trace.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/component/factory.h"
#include "pipeline/processors/group_by_trace/trace_group.h"

namespace kernspan {

// Keys: wait_duration, num_traces, num_workers; discard_orphans and store_on_disk are refused, as
// upstream.
ProcessorFactory group_by_trace_processor_factory();

struct GroupByTraceSettings {
  std::chrono::nanoseconds wait_duration = std::chrono::seconds(1);
  std::size_t num_traces = 1'000'000;
  std::size_t num_workers = 1;
};

// Where the collector throws away a trace that has no room any more, this one passes it on early.
// Books: traces that are collected are held; what the next component refuses is offered again.
class GroupByTraceProcessor final : public Processor {
 public:
  GroupByTraceProcessor(const ComponentContext& context, const GroupByTraceSettings& settings,
                        Consumer& next);
  ~GroupByTraceProcessor() override;

  Status start() override;
  // Passes on what was collected, until the deadline; the rest is dropped.
  void stop(std::chrono::steady_clock::time_point deadline) override;
  // Any thread.
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  using SteadyClock = std::chrono::steady_clock;
  enum class State { kIdle, kRunning, kDraining, kStopped };

  // Traces are distributed over workers by their ids. Each has a thread, which passes them on.
  struct Worker {
    Worker(std::size_t max_traces, std::chrono::nanoseconds wait, KeyedIdHash hash)
        : group(max_traces, wait, hash) {}

    std::mutex mutex;  // guards everything below; not held while the next component is called
    std::condition_variable work;
    TraceGroup group;
    std::deque<otlp::Batch> outgoing;  // a trace each, oldest first
    std::chrono::nanoseconds retry_at{0};
    std::chrono::nanoseconds retry_interval{0};
    State state = State::kIdle;
    SteadyClock::time_point deadline;
    std::thread thread;
  };

  Worker& worker_of(const TraceId& id) { return *workers_[hash_(id) % workers_.size()]; }
  Status room();
  void add(const TraceId& id, otlp::Batch spans);
  void run(Worker& worker);
  bool wait_for_work(Worker& worker, std::unique_lock<std::mutex>& lock);
  void offer_first(Worker& worker, std::unique_lock<std::mutex>& lock);
  void drop_first(Worker& worker, Counter& reason, const std::string& message);
  void collect(std::vector<MetricFamily>& families) const;
  std::chrono::nanoseconds now() const;

  const std::string path_;
  const GroupByTraceSettings settings_;
  const MetricLabels labels_;
  Consumer& next_;
  const Clock& clock_;
  StageBooks& books_;
  Counter& dropped_permanent_;
  Counter& dropped_shutdown_;
  Counter& traces_released_;
  Counter& spans_released_;
  Counter& traces_evicted_;
  Counter& incomplete_releases_;
  Histogram& receive_latency_;
  Histogram& release_latency_;
  const KeyedIdHash hash_;
  std::vector<std::unique_ptr<Worker>> workers_;
  Metrics::Registration gauges_;  // last: its function looks at workers_
};

}  // namespace kernspan
