// A Transport in the test's hands.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <deque>
#include <mutex>
#include <utility>
#include <vector>

#include "pipeline/exporters/sender/transport.h"
#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {

inline SendOutcome failure(SendOutcome::Kind kind) {
  return {.kind = kind, .message = "no luck"};
}

// Attempts wait until the test answers them, unless it answers by itself.
class FakePeer final : public Transport {
 public:
  Status start() override { return {}; }

  void send(const otlp::Batch& batch, std::chrono::nanoseconds, Done done) override {
    std::unique_lock lock(mutex_);
    sent_.push_back(batch.item_count());
    if (!automatic_.empty()) {
      const SendOutcome outcome = automatic_.front();
      if (automatic_.size() > 1) automatic_.pop_front();
      lock.unlock();
      changed_.notify_all();
      done(outcome);
      return;
    }
    waiting_.push_back(std::move(done));
    changed_.notify_all();
  }

  void cancel_all() override {
    cancelled_ = true;
    while (answer_if_waiting(failure(SendOutcome::Kind::kRetryable))) continue;
  }

  void stop() override {}

  // The outcomes of the attempts to come, in order; the last one stays.
  void answer_by_itself(std::deque<SendOutcome> outcomes) {
    const std::scoped_lock lock(mutex_);
    automatic_ = std::move(outcomes);
  }

  void answer(const SendOutcome& outcome) {
    {
      std::unique_lock lock(mutex_);
      ASSERT_TRUE(changed_.wait_for(lock, kPatience, [&] { return !waiting_.empty(); }));
    }
    ASSERT_TRUE(answer_if_waiting(outcome));
  }

  bool wait_for_attempts(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [&] { return sent_.size() >= count; });
  }

  std::vector<std::size_t> sent() {
    const std::scoped_lock lock(mutex_);
    return sent_;
  }
  bool cancelled() const { return cancelled_; }

 private:
  bool answer_if_waiting(const SendOutcome& outcome) {
    Done done;
    {
      const std::scoped_lock lock(mutex_);
      if (waiting_.empty()) return false;
      done = std::move(waiting_.front());
      waiting_.pop_front();
    }
    done(outcome);
    return true;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<SendOutcome> automatic_;
  std::deque<Done> waiting_;
  std::vector<std::size_t> sent_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace kernspan
