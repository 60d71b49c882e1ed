// The thread that reads executables and probes them: both take too long for the thread that drains the
// ring.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "agent/golang/grpc_go_executables.h"

namespace kernspan::golang {

class GrpcGoWatch {
 public:
  struct Settings {
    GrpcGoExecutables::Settings executables;
    std::size_t queue_max = 4096;
    std::chrono::milliseconds recheck_interval = std::chrono::seconds(30);
  };

  // `attacher` is borrowed until stop().
  GrpcGoWatch(Settings settings, ProbeAttacher& attacher, GrpcGoExecutables::Log log);
  ~GrpcGoWatch() { stop(); }

  // As GrpcGoExecutables has them, some time later. Any thread; never blocks for long.
  void process_seen(std::uint32_t tgid) { ask({.tgid = tgid, .is_seen = true}); }
  void process_gone(std::uint32_t tgid) { ask({.tgid = tgid, .is_seen = false}); }

  // Takes the probes out. Idempotent; one thread.
  void stop();

  // Any thread.
  GrpcGoCounters counters() const;
  std::size_t probed() const;

 private:
  struct Question {
    std::uint32_t tgid;
    bool is_seen;
  };

  void ask(Question question);
  void run(std::stop_token stop, GrpcGoExecutables executables);

  const Settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  std::deque<Question> questions_;  // guarded by mutex_, as all below
  std::uint64_t queue_full_ = 0;
  GrpcGoCounters counters_;
  std::size_t probed_ = 0;
  std::jthread thread_;
};

}  // namespace kernspan::golang
