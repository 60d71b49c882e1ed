#include "pipeline/processors/tail_sampling/shard_thread.h"

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan::sampling {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// A hundredth of a second of work at full speed: what is due waits no longer for it.
constexpr std::size_t kMaxQueuedSpans = 32'768;
// From here on the thread does not wait for more: a wake-up costs as much as taking 100 spans.
constexpr std::size_t kUrgentSpans = 2048;
constexpr milliseconds kLinger{2};
constexpr std::uint64_t kFirstRetryNs = 10'000'000;
constexpr std::uint64_t kMaxRetryNs = 1'000'000'000;
constexpr std::uint64_t kMaxDrainRetryNs = 50'000'000;

}  // namespace

ShardThread::ShardThread(std::string name, std::unique_ptr<Shard> shard, AfterRound after_round,
                         HeldMemory& memory, SamplingCounters& counters, Consumer& next,
                         const Clock& clock)
    : name_(std::move(name)),
      shard_(std::move(shard)),
      after_round_(std::move(after_round)),
      memory_(memory),
      counters_(counters),
      next_(next),
      clock_(clock) {}

ShardThread::~ShardThread() {
  begin_stop(SteadyClock::now());
  stop();
}

void ShardThread::start() {
  const std::scoped_lock lock(mutex_);
  state_ = State::kRunning;
  thread_ = std::thread([this] { run(); });
}

void ShardThread::begin_stop(SteadyClock::time_point deadline) {
  const std::scoped_lock lock(mutex_);
  if (state_ != State::kRunning) return;
  state_ = State::kDraining;
  deadline_ = deadline;
  work_.notify_all();
  room_.notify_all();
}

void ShardThread::stop() {
  if (thread_.joinable()) thread_.join();
  const std::scoped_lock lock(mutex_);
  state_ = State::kStopped;
}

bool ShardThread::has_room() const {
  const std::scoped_lock lock(mutex_);
  return input_spans_ < kMaxQueuedSpans;
}

bool ShardThread::wait_for_room(nanoseconds patience) {
  std::unique_lock lock(mutex_);
  return room_.wait_for(lock, patience, [this] { return input_spans_ < kMaxQueuedSpans; });
}

void ShardThread::push(Arrival arrival) {
  const std::scoped_lock lock(mutex_);
  const bool was_empty = input_.empty();
  const bool was_urgent = is_urgent();
  input_spans_ += arrival.size();
  input_.push_back(std::move(arrival));
  if (was_empty || is_urgent() != was_urgent) work_.notify_one();
}

void ShardThread::post(std::function<void(Shard&)> command) {
  const std::scoped_lock lock(mutex_);
  commands_.push_back(std::move(command));
  work_.notify_one();
}

bool ShardThread::is_urgent() const {
  return state_ != State::kRunning || !commands_.empty() ||
         (!is_blocked_ && input_spans_ >= kUrgentSpans);
}

std::optional<std::uint64_t> ShardThread::next_wake() const {
  std::optional<std::uint64_t> wake = shard_->next_look();
  if (!outgoing_.empty()) wake = wake ? std::min(*wake, retry_at_ns_) : retry_at_ns_;
  return wake;
}

void ShardThread::wait_for_work(std::unique_lock<std::mutex>& lock) {
  const auto has_work = [this] { return is_urgent() || (!is_blocked_ && !input_.empty()); };
  const std::optional<std::uint64_t> wake = next_wake();
  if (!wake) {
    work_.wait(lock, has_work);
  } else if (const std::uint64_t now = clock_.monotonic_ns(); *wake > now) {
    work_.wait_for(lock, nanoseconds(*wake - now), has_work);
  }
  // Small requests are taken together.
  if (!input_.empty()) work_.wait_for(lock, kLinger, [this] { return is_urgent(); });
}

void ShardThread::run() {
  while (true) {
    std::vector<std::function<void(Shard&)>> commands;
    bool is_draining = false;
    {
      std::unique_lock lock(mutex_);
      wait_for_work(lock);
      is_draining = state_ != State::kRunning;
      if (!is_blocked_ || is_draining) {
        for (Arrival& arrival : input_) work_in_hand_.push_back(std::move(arrival));
        input_.clear();
        input_spans_ = 0;
        room_.notify_all();
      }
      commands.swap(commands_);
    }
    for (const auto& command : commands) command(*shard_);
    if (is_draining) return drain();
    round();
  }
}

void ShardThread::round() {
  shard_->advance();
  take_work();
  pass_on();
  shard_->publish();
  after_round_();
}

void ShardThread::take_work() {
  bool is_blocked = false;
  while (!work_in_hand_.empty() && !is_blocked) {
    const Arrival& arrival = work_in_hand_.front();
    const std::size_t size = arrival.size();  // the request may be gone when all of it is taken
    position_ = shard_->take(arrival, position_);
    is_blocked = position_ < size;
    if (!is_blocked) {
      work_in_hand_.pop_front();
      position_ = 0;
    }
    if (memory_.is_short()) {
      shard_->relieve();
      collect_kept();
    }
  }
  const std::scoped_lock lock(mutex_);
  is_blocked_ = is_blocked;
}

void ShardThread::collect_kept() {
  for (otlp::Batch& batch : shard_->take_kept()) {
    memory_.add(batch.byte_count());
    outgoing_.push_back(std::move(batch));
  }
}

void ShardThread::pass_on() {
  collect_kept();
  while (!outgoing_.empty() && retry_at_ns_ <= clock_.monotonic_ns() && offer_first()) continue;
}

// True when the first batch is settled, one way or the other.
bool ShardThread::offer_first() {
  const Status taken = next_.consume(outgoing_.front().clone());
  if (taken) {
    retry_at_ns_ = 0;
    retry_interval_ns_ = kFirstRetryNs;
    release_first(nullptr);
    return true;
  }
  if (taken.error().kind == ErrorKind::kPermanent) {
    KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} spans: {}", name_, outgoing_.front().item_count(),
                         taken.error().message);
    release_first(&counters_.permanent_error);
    return true;
  }
  counters_.offers_refused.add();
  KERNSPAN_LOG_LIMITED(kWarn, "{}: kept spans were refused, will offer them again: {}", name_,
                       taken.error().message);
  retry_interval_ns_ = std::clamp(retry_interval_ns_, kFirstRetryNs, kMaxRetryNs);
  retry_at_ns_ = clock_.monotonic_ns() + retry_interval_ns_;
  retry_interval_ns_ = std::min(2 * retry_interval_ns_, kMaxRetryNs);
  return false;
}

void ShardThread::release_first(Counter* dropped) {
  const otlp::Batch& batch = outgoing_.front();
  memory_.subtract(batch.byte_count());
  counters_.books.release(batch.item_count());
  if (dropped == nullptr) {
    counters_.books.pass_on(batch.item_count());
  } else {
    dropped->add(batch.item_count());
  }
  outgoing_.pop_front();
}

void ShardThread::drain() {
  while (true) {
    take_work();
    // What is pending makes room for what is still in hand.
    shard_->finish();
    if (work_in_hand_.empty()) break;
  }
  collect_kept();
  while (!outgoing_.empty()) {
    if (offer_first()) continue;
    const auto left = deadline_ - SteadyClock::now();
    if (left <= nanoseconds{0}) break;
    std::this_thread::sleep_for(
        std::min<nanoseconds>(left, nanoseconds(std::min(retry_interval_ns_, kMaxDrainRetryNs))));
  }
  if (!outgoing_.empty()) {
    KERNSPAN_LOG_LIMITED(kError, "{}: kept spans were refused until the shutdown's deadline",
                         name_);
  }
  while (!outgoing_.empty()) release_first(&counters_.shutdown);
  shard_->publish();
  after_round_();
}

}  // namespace kernspan::sampling
