#include "pipeline/exporters/load_balancing/balanced_transport.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "pipeline/exporters/load_balancing/observed_transport.h"
#include "pipeline/exporters/otlp/grpc_transport.h"
#include "pipeline/exporters/sender/splitting_transport.h"

namespace kernspan {
namespace {

using SteadyClock = std::chrono::steady_clock;

// Backends that go one after the other while an attempt is under way.
constexpr int kMostReroutings = 3;

// Without a queue: attempts in flight are all that it has.
class DirectBackend final : public Backend {
 public:
  DirectBackend(std::string endpoint, OtlpExporterSettings settings, const Clock& clock,
                const MetricLabels& labels)
      : Backend(std::move(endpoint)),
        transport_(std::make_unique<ObservedTransport>(std::make_unique<GrpcTransport>(settings),
                                                       clock, metrics(), labels, is_failing()),
                   RequestLimits{.max_bytes = settings.sender.max_request_bytes}) {}

  Status start() override { return transport_.start(); }

  // False: it is retired, and `done` will not be called.
  bool send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Transport::Done done) {
    {
      const std::scoped_lock lock(mutex_);
      if (is_over_) return false;
      ++in_flight_;
    }
    transport_.send(batch, timeout, [this, done = std::move(done)](SendOutcome outcome) {
      done(std::move(outcome));
      const std::scoped_lock lock(mutex_);
      --in_flight_;
      changed_.notify_all();
    });
    return true;
  }
  void cancel_all() { transport_.cancel_all(); }

  // What it did not take is told by each attempt's outcome.
  std::vector<otlp::Batch> retire(SteadyClock::time_point deadline) override {
    end(deadline);
    return {};
  }
  void hasten(SteadyClock::time_point deadline) override {
    const std::scoped_lock lock(mutex_);
    deadline_ = std::min(deadline_, deadline);
    changed_.notify_all();
  }
  void stop(SteadyClock::time_point deadline) override { end(deadline); }

 private:
  void end(SteadyClock::time_point deadline) {
    std::unique_lock lock(mutex_);
    deadline_ = std::min(deadline_, deadline);
    is_over_ = true;
    while (in_flight_ != 0 && SteadyClock::now() < deadline_) {
      changed_.wait_until(lock, deadline_);
    }
    if (in_flight_ != 0) {
      lock.unlock();
      transport_.cancel_all();
      lock.lock();
      changed_.wait(lock, [&] { return in_flight_ == 0; });
    }
    lock.unlock();
    transport_.stop();
  }

  SplittingTransport transport_;
  std::mutex mutex_;  // guards everything below
  std::condition_variable changed_;
  SteadyClock::time_point deadline_ = SteadyClock::time_point::max();
  bool is_over_ = false;
  std::size_t in_flight_ = 0;
};

}  // namespace

struct BalancedTransport::Sending {
  std::chrono::nanoseconds timeout;
  Done done;
  std::mutex mutex;         // guards everything below
  std::size_t pending = 1;  // parts under way, and send() itself
  int reroutings = 0;
  SendOutcome total;  // of the parts that are settled
  bool any_settled = false;
  std::string permanent_message;
  std::string retryable_message;
  std::size_t permanent_items = 0;
  otlp::Batch failed;  // retryably
};

BalancedTransport::BalancedTransport(const ComponentContext& context,
                                     LoadBalancingSettings settings)
    : settings_(std::move(settings)),
      id_(context.id),
      clock_(context.clock),
      rerouted_(context.metrics.counter("kernspan_loadbalancer_rerouted_spans",
                                        "Spans that waited for a backend that is gone, and now "
                                        "wait for another.",
                                        {{"exporter", context.id}})),
      backends_(std::make_unique<BackendSet>(
          context, settings_.resolver,
          [this](const std::string& endpoint) { return make_backend(endpoint); },
          [](const std::vector<otlp::Batch>&) {})) {}

BalancedTransport::~BalancedTransport() = default;

std::shared_ptr<Backend> BalancedTransport::make_backend(const std::string& endpoint) {
  OtlpExporterSettings settings = settings_.otlp;
  settings.endpoint = endpoint;
  return std::make_shared<DirectBackend>(endpoint, std::move(settings), clock_,
                                         MetricLabels{{"exporter", id_}, {"endpoint", endpoint}});
}

Status BalancedTransport::start() {
  return backends_->start();
}

void BalancedTransport::send(const otlp::Batch& batch, std::chrono::nanoseconds timeout,
                             Done done) {
  auto sending = std::make_shared<Sending>();
  sending->timeout = timeout;
  sending->done = std::move(done);
  send_parts(sending, batch.clone());
  finish_one(sending);
}

void BalancedTransport::send_parts(const std::shared_ptr<Sending>& sending, otlp::Batch batch) {
  const std::shared_ptr<const Backends> backends = backends_->current();
  if (backends->empty() || cancelled_) {
    const std::scoped_lock lock(sending->mutex);
    sending->retryable_message = "no backend is known yet";
    sending->failed.append(std::move(batch));
    return;
  }
  for (OwnedPart& part : split_by_owner(std::move(batch), backends->ring, settings_.routing)) {
    const std::shared_ptr<Backend>& backend = backends->members[part.owner];
    {
      const std::scoped_lock lock(sending->mutex);
      ++sending->pending;
    }
    // The transport borrows it until the end of the attempt.
    auto kept = std::make_shared<otlp::Batch>(std::move(part.batch));
    const auto on_done = [this, sending, kept, backend](const SendOutcome& outcome) {
      on_part_done(sending, std::move(*kept), backend->is_retired(), outcome);
    };
    const bool begun = backend != nullptr &&
                       static_cast<DirectBackend&>(*backend).send(*kept, sending->timeout, on_done);
    if (!begun) {
      on_part_done(sending, std::move(*kept), backend != nullptr,
                   {.kind = SendOutcome::Kind::kRetryable, .message = "the backend is gone"});
    }
  }
}

void BalancedTransport::on_part_done(const std::shared_ptr<Sending>& sending, otlp::Batch part,
                                     bool is_gone, const SendOutcome& outcome) {
  using Kind = SendOutcome::Kind;
  otlp::Batch again;
  {
    const std::scoped_lock lock(sending->mutex);
    otlp::Batch failed;
    if (outcome.kind != Kind::kSent) {
      failed = outcome.rest != nullptr ? outcome.rest->clone() : std::move(part);
    }
    if (outcome.kind == Kind::kSent || outcome.rest != nullptr) {
      sending->any_settled = true;
      sending->total.rejected_spans += outcome.rejected_spans;
      sending->total.too_large_items += outcome.too_large_items;
      if (!outcome.message.empty()) sending->total.message = outcome.message;
    }
    if (outcome.kind == Kind::kRetryable) {
      sending->retryable_message = outcome.message;
      sending->total.asked_delay = std::max(sending->total.asked_delay, outcome.asked_delay);
      if (is_gone && !cancelled_ && sending->reroutings < kMostReroutings) {
        ++sending->reroutings;
        again = std::move(failed);
      } else {
        sending->failed.append(std::move(failed));
      }
    } else if (outcome.kind != Kind::kSent) {
      sending->permanent_message = outcome.message;
      sending->permanent_items += failed.item_count();
    }
  }
  if (!again.empty()) {
    rerouted_.add(again.item_count());
    send_parts(sending, std::move(again));
  }
  finish_one(sending);
}

// Puts the parts' ends together when the last one has ended.
void BalancedTransport::finish_one(const std::shared_ptr<Sending>& sending) {
  SendOutcome outcome;
  {
    const std::scoped_lock lock(sending->mutex);
    if (--sending->pending != 0) return;
    outcome = std::move(sending->total);
    const bool any_failed = !sending->failed.empty();
    const bool any_permanent = sending->permanent_items != 0;
    if (any_permanent && !any_failed && !sending->any_settled) {
      outcome.kind = SendOutcome::Kind::kPermanent;
      outcome.message = sending->permanent_message;
    } else {
      outcome.permanent_items = sending->permanent_items;
      if (any_permanent) outcome.message = sending->permanent_message;
      if (any_failed) {
        outcome.kind = SendOutcome::Kind::kRetryable;
        if (!any_permanent) outcome.message = sending->retryable_message;
        if (sending->any_settled || any_permanent) {
          outcome.rest = std::make_shared<otlp::Batch>(std::move(sending->failed));
        }
      }
    }
  }
  sending->done(std::move(outcome));
}

void BalancedTransport::cancel_all() {
  cancelled_ = true;
  backends_->hasten(SteadyClock::now());
  for (const auto& member : backends_->current()->members) {
    if (member != nullptr) static_cast<DirectBackend&>(*member).cancel_all();
  }
}

void BalancedTransport::stop() {
  backends_->freeze(SteadyClock::now());
  backends_->stop(SteadyClock::now());
}

}  // namespace kernspan
