#include "gateway/stitch/stitch_processor.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "gateway/stitch/stitch_gauges.h"
#include "gateway/stitch/stitch_writer.h"
#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/component/hand_on.h"

namespace kernspan::stitch {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

// The next component is in the same process: a refusal means a full queue, which empties soon.
constexpr milliseconds kFirstRetry{10};
constexpr milliseconds kMaxRetry{1000};
// What has waited together goes on in portions of a usual batch.
constexpr std::size_t kPortionSpans = 8192;
// About TraceDoor::kPortionBytes.
constexpr std::size_t kHandOverSpans = 1024;

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next) {
  StitchSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  read_stitch_settings(reader, &settings);
  ReplicaRing* const replicas = read_replicas(reader, context.extensions);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<StitchProcessor>(context, settings, next, replicas);
}

MetricLabels labels_of(const ComponentContext& context) {
  return {{"processor", context.id}, {"pipeline", context.pipeline}};
}

}  // namespace

StitchProcessor::StitchProcessor(const ComponentContext& context, const StitchSettings& settings,
                                 Consumer& next, ReplicaRing* replicas)
    : path_(context.path),
      settings_(settings),
      labels_(labels_of(context)),
      next_(next),
      clock_(context.clock),
      books_(context.books),
      dropped_permanent_(books_.dropped("permanent_error")),
      dropped_shutdown_(books_.dropped("shutdown")),
      dropped_duplicates_(books_.dropped("duplicate")),
      dropped_announcements_(books_.dropped("announcement")),
      counters_(context.metrics, labels_),
      ownership_(std::make_shared<const TraceOwnership>()),
      table_(
          settings, KeyedIdHash::random(), counters_,
          [this](const TraceId& id) { return ownership_->is_mine(id); },
          [this](const TraceId& id, std::uint64_t due_ns, std::uint64_t now_ns) {
            const auto answer = ownership_->may_decide(id, due_ns, now_ns);
            if (answer == TraceOwnership::MayDecide::kAlone) door_.alone_decisions().add();
            return answer != TraceOwnership::MayDecide::kNotYet;
          }),
      retry_interval_(kFirstRetry),
      door_(context, replicas, *this),
      gauges_(context.metrics.add_collector(
          [this](std::vector<MetricFamily>& families) { collect(families); })) {
  if (settings.deduplicate.enabled) {
    seen_.emplace(SeenSpans::Settings{.window_ns = static_cast<std::uint64_t>(
                                          settings.deduplicate.window.count()),
                                      .max_spans = settings.deduplicate.max_spans},
                  KeyedIdHash::random());
  }
}

StitchProcessor::~StitchProcessor() {
  stop(SteadyClock::now());
}

Status StitchProcessor::start() {
  {
    const std::scoped_lock lock(mutex_);
    state_ = State::kRunning;
    thread_ = std::thread([this] { run(); });
  }
  door_.start();
  if (door_.has_replicas()) look_at_ring();
  return {};
}

void StitchProcessor::stop(SteadyClock::time_point deadline) {
  // The other half is for what is released here.
  const SteadyClock::time_point now = SteadyClock::now();
  door_.stop(now < deadline ? now + (deadline - now) / 2 : deadline);
  {
    const std::scoped_lock lock(mutex_);
    if (state_ == State::kIdle || state_ == State::kStopped) {
      state_ = State::kStopped;
      return;
    }
    state_ = State::kDraining;
    deadline_ = deadline;
    work_.notify_all();
  }
  thread_.join();
  const std::scoped_lock lock(mutex_);
  state_ = State::kStopped;
}

Status StitchProcessor::consume(otlp::Batch batch) {
  if (!may_have_marks(batch)) return pass_plain(std::move(batch));
  if (Status taken = room(batch); !taken) {
    books_.refuse(batch.item_count());
    return taken;
  }
  Intake intake = sort_out(std::move(batch), false, settings_.keep_announcements);
  const std::size_t derived = intake.derived.item_count();
  const bool has_plain = !intake.plain.empty();
  // First what may be refused: after that all of the batch is this component's.
  if (has_plain) {
    if (Status taken = pass_plain(std::move(intake.plain)); !taken) {
      books_.refuse(derived);
      return taken;
    }
  }
  if (derived != 0) {
    const bool is_alone = !door_.has_replicas();
    Status taken = is_alone ? Status() : door_.consume(intake.derived.clone());
    if (!taken && !has_plain) return taken;
    if (is_alone || !taken) {
      books_.take(derived);
      books_.hold(derived);
      add_spans(std::move(intake.derived));
      if (!is_alone) has_strays_ = true;  // some of it may be another's
    }
  }
  counters_.announcements_malformed.add(intake.malformed);
  if (!intake.announcements.empty()) add_announcements(std::move(intake.announcements));
  return {};
}

Status StitchProcessor::room(const otlp::Batch&) {
  const std::scoped_lock lock(mutex_);
  if (state_ != State::kRunning) return retryable(path_ + " is not running");
  if (pending_bytes_ > settings_.max_waiting_bytes / 4) {
    return retryable(path_ + ": the next component does not take spans, and many wait for it");
  }
  return {};
}

Status StitchProcessor::pass_plain(otlp::Batch batch) {
  if (!seen_) return hand_on(next_, books_, std::move(batch));
  const std::size_t spans = batch.item_count();
  SeenSpans::Filtered filtered = seen_->filter(std::move(batch), clock_.monotonic_ns());
  if (!filtered.batch.empty()) {
    if (Status taken = next_.consume(std::move(filtered.batch)); !taken) {
      seen_->forget(filtered.fresh);
      books_.refuse(spans);
      return taken;
    }
  }
  books_.take(spans);
  books_.pass_on(spans - filtered.duplicates);
  dropped_duplicates_.add(filtered.duplicates);
  counters_.duplicates.add(filtered.duplicates);
  return {};
}

// They are in the books as held.
void StitchProcessor::add_spans(otlp::Batch derived, const SinceWhen& since) {
  auto source = std::make_shared<Source>(derived);
  std::vector<Ready> ready;
  {
    const std::scoped_lock lock(mutex_);
    const auto planned = next_wake();
    table_.add_spans(source, clock_.monotonic_ns(), ready, since);
    wake_before(planned);
  }
  source.reset();
  deliver(std::move(ready));
}

void StitchProcessor::add_announcements(std::vector<Announcement> announcements) {
  std::vector<Announcement> others;
  std::vector<Ready> ready;
  {
    const std::scoped_lock lock(mutex_);
    const auto planned = next_wake();
    const std::uint64_t now = clock_.monotonic_ns();
    for (Announcement& each : announcements) {
      if (ownership_->is_mine(each.peer)) {
        table_.add_announcement(each, now, ready);
      } else {
        others.push_back(std::move(each));
      }
    }
    wake_before(planned);
  }
  deliver(std::move(ready));
  if (!others.empty()) {
    counters_.announcements_received.add(others.size());
    counters_.announcements_handed_over.add(others.size());
    tell_owners(others);
  }
}

// The thread sleeps until `planned`, or for good: it is woken where that is too late by now.
void StitchProcessor::wake_before(std::optional<std::uint64_t> planned) {
  const auto wake = next_wake();
  if (wake && (!planned || *wake < *planned)) work_.notify_one();
}

void StitchProcessor::deliver(std::vector<Ready> ready) {
  for (std::size_t begin = 0; begin < ready.size();) {
    std::vector<Ready> portion;
    const bool is_elsewhere = ready[begin].fate == Fate::kElsewhere;
    const std::size_t most = is_elsewhere ? kHandOverSpans : kPortionSpans;
    for (std::size_t spans = 0; begin < ready.size() && spans < most; ++begin) {
      if ((ready[begin].fate == Fate::kElsewhere) != is_elsewhere) break;
      spans += ready[begin].part.span_count();
      portion.push_back(std::move(ready[begin]));
    }
    if (is_elsewhere) {
      hand_over(std::move(portion));
    } else {
      send(write_ready(std::move(portion), settings_, counters_));
    }
  }
}

void StitchProcessor::send(otlp::Batch batch) {
  if (seen_) {
    SeenSpans::Filtered filtered = seen_->filter(std::move(batch), clock_.monotonic_ns());
    books_.release(filtered.duplicates);
    dropped_duplicates_.add(filtered.duplicates);
    counters_.duplicates.add(filtered.duplicates);
    batch = std::move(filtered.batch);
  }
  const std::size_t spans = batch.item_count();
  if (spans == 0) return;
  const Status taken = next_.consume(batch.clone());
  if (taken) {
    books_.release(spans);
    books_.pass_on(spans);
    return;
  }
  if (taken.error().kind == ErrorKind::kPermanent) {
    return drop(spans, dropped_permanent_, taken.error().message);
  }
  counters_.offers_refused.add();
  const std::scoped_lock lock(mutex_);
  pending_bytes_ += batch.byte_count();
  pending_.push_back(std::move(batch));
  if (pending_.size() == 1) {
    retry_at_ns_ = clock_.monotonic_ns() + static_cast<std::uint64_t>(retry_interval_.count());
  }
  work_.notify_one();
}

std::optional<std::uint64_t> StitchProcessor::next_wake() const {
  std::optional<std::uint64_t> wake = table_.next_due_ns();
  if (!pending_.empty()) wake = wake ? std::min(*wake, retry_at_ns_) : retry_at_ns_;
  return wake;
}

void StitchProcessor::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    if (ring_changed_) give_up_foreign(lock);
    std::vector<Ready> ready;
    const std::uint64_t now = clock_.monotonic_ns();
    if (state_ == State::kDraining) {
      table_.release_all(ready);
    } else {
      table_.expire(now, ready);
    }
    if (!ready.empty()) {
      lock.unlock();
      deliver(std::move(ready));
      lock.lock();
      continue;
    }
    if (state_ == State::kDraining) {
      if (pending_.empty()) return;
      if (SteadyClock::now() >= deadline_) {
        while (!pending_.empty()) {
          const std::size_t spans = pending_.front().item_count();
          forget_first();
          drop(spans, dropped_shutdown_, "refused until the shutdown's deadline");
        }
        return;
      }
    }
    if (!pending_.empty() && retry_at_ns_ <= now) {
      offer_pending(lock);
      continue;
    }
    const std::optional<std::uint64_t> wake = next_wake();
    if (!wake) {
      work_.wait(lock);
      continue;
    }
    nanoseconds wait(*wake > now ? *wake - now : 0);
    if (state_ == State::kDraining) {
      wait = std::min<nanoseconds>(wait, deadline_ - SteadyClock::now());
    }
    work_.wait_for(lock, std::max(wait, nanoseconds{0}));
  }
}

void StitchProcessor::offer_pending(std::unique_lock<std::mutex>& lock) {
  otlp::Batch offer = pending_.front().clone();
  const std::size_t spans = offer.item_count();
  lock.unlock();
  const Status taken = next_.consume(std::move(offer));
  lock.lock();
  if (taken) {
    retry_at_ns_ = 0;
    retry_interval_ = kFirstRetry;
    forget_first();
    books_.release(spans);
    books_.pass_on(spans);
    return;
  }
  if (taken.error().kind == ErrorKind::kPermanent) {
    forget_first();
    return drop(spans, dropped_permanent_, taken.error().message);
  }
  counters_.offers_refused.add();
  KERNSPAN_LOG_LIMITED(kWarn, "{}: spans were refused, will offer them again: {}", path_,
                       taken.error().message);
  retry_at_ns_ = clock_.monotonic_ns() + static_cast<std::uint64_t>(retry_interval_.count());
  const milliseconds most = state_ == State::kDraining ? 5 * kFirstRetry : kMaxRetry;
  retry_interval_ = std::min<nanoseconds>(2 * retry_interval_, most);
}

void StitchProcessor::forget_first() {
  pending_bytes_ -= pending_.front().byte_count();
  pending_.pop_front();
}

void StitchProcessor::drop(std::size_t spans, Counter& reason, const std::string& message) {
  books_.release(spans);
  reason.add(spans);
  KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} spans: {}", path_, spans, message);
}

void StitchProcessor::collect(std::vector<MetricFamily>& families) const {
  const std::scoped_lock lock(mutex_);
  collect_gauges(table_, settings_, labels_, families);
  families.push_back(gauge_family("kernspan_stitch_refused_bytes",
                                  "Bytes that the next component has refused, and that are kept.",
                                  labels_, static_cast<double>(pending_bytes_)));
}

ProcessorFactory stitch_processor_factory() {
  return {.type = "stitch", .create = create};
}

}  // namespace kernspan::stitch
