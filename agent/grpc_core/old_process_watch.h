// The thread that looks for processes with gRPC's C core and probes them: both take too long for the thread
// that drains the ring.
#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "agent/grpc_core/old_processes.h"

namespace kernspan::grpc_core {

class OldProcessWatch {
 public:
  struct Settings {
    OldProcesses::Settings processes;
    std::chrono::milliseconds recheck_interval = std::chrono::seconds(30);
  };

  // `attacher` is borrowed until stop().
  OldProcessWatch(Settings settings, ProbeAttacher& attacher, OldProcesses::Log log);
  ~OldProcessWatch() { stop(); }

  // Takes the probes out. Idempotent; one thread.
  void stop();

  // Any thread.
  OldProcessCounters counters() const;
  std::size_t probed() const;

 private:
  void run(std::stop_token stop, OldProcesses processes);

  const Settings settings_;
  mutable std::mutex mutex_;
  std::condition_variable_any wake_;
  OldProcessCounters counters_;  // guarded by mutex_, as below
  std::size_t probed_ = 0;
  std::jthread thread_;
};

}  // namespace kernspan::grpc_core
