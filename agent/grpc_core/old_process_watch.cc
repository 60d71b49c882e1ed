#include "agent/grpc_core/old_process_watch.h"

#include <utility>

namespace kernspan::grpc_core {

OldProcessWatch::OldProcessWatch(Settings settings, ProbeAttacher& attacher, OldProcesses::Log log)
    : settings_(std::move(settings)) {
  thread_ = std::jthread([this, &attacher, log = std::move(log)](std::stop_token stop) {
    run(stop, OldProcesses(settings_.processes, attacher, log));
  });
}

void OldProcessWatch::run(std::stop_token stop, OldProcesses processes) {
  processes.look_around();
  std::unique_lock lock(mutex_);
  while (true) {
    counters_ = processes.counters();
    probed_ = processes.probed();
    // There are never more of them.
    if (probed_ == 0) return;
    wake_.wait_for(lock, stop, settings_.recheck_interval, [] { return false; });
    if (stop.stop_requested()) return;
    lock.unlock();
    processes.recheck();
    lock.lock();
  }
}

void OldProcessWatch::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

OldProcessCounters OldProcessWatch::counters() const {
  const std::lock_guard lock(mutex_);
  return counters_;
}

std::size_t OldProcessWatch::probed() const {
  const std::lock_guard lock(mutex_);
  return probed_;
}

}  // namespace kernspan::grpc_core
