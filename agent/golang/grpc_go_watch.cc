#include "agent/golang/grpc_go_watch.h"

#include <utility>

namespace kernspan::golang {

GrpcGoWatch::GrpcGoWatch(Settings settings, ProbeAttacher& attacher, GrpcGoExecutables::Log log)
    : settings_(std::move(settings)) {
  thread_ = std::jthread([this, &attacher, log = std::move(log)](std::stop_token stop) {
    run(stop, GrpcGoExecutables(settings_.executables, attacher, log));
  });
}

void GrpcGoWatch::ask(Question question) {
  const std::lock_guard lock(mutex_);
  // An end that is not noticed here is found by the next recheck.
  if (questions_.size() >= settings_.queue_max) {
    ++queue_full_;
    return;
  }
  questions_.push_back(question);
  wake_.notify_one();
}

void GrpcGoWatch::run(std::stop_token stop, GrpcGoExecutables executables) {
  executables.look_around();
  std::unique_lock lock(mutex_);
  counters_ = executables.counters();
  probed_ = executables.probed();
  while (!stop.stop_requested()) {
    const bool is_asked = wake_.wait_for(lock, stop, settings_.recheck_interval,
                                         [this] { return !questions_.empty(); });
    if (stop.stop_requested()) break;
    const std::deque<Question> questions = std::exchange(questions_, {});
    lock.unlock();
    for (const Question& question : questions) {
      if (question.is_seen) {
        executables.process_seen(question.tgid);
      } else {
        executables.process_gone(question.tgid);
      }
    }
    if (!is_asked) executables.recheck();
    lock.lock();
    counters_ = executables.counters();
    probed_ = executables.probed();
  }
}

void GrpcGoWatch::stop() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  thread_.join();
}

GrpcGoCounters GrpcGoWatch::counters() const {
  const std::lock_guard lock(mutex_);
  GrpcGoCounters counters = counters_;
  counters.queue_full = queue_full_;
  return counters;
}

std::size_t GrpcGoWatch::probed() const {
  const std::lock_guard lock(mutex_);
  return probed_;
}

}  // namespace kernspan::golang
