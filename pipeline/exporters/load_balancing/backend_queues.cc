#include "pipeline/exporters/load_balancing/backend_queues.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/exporters/load_balancing/observed_transport.h"
#include "pipeline/exporters/otlp/grpc_transport.h"

namespace kernspan {
namespace {

using SteadyClock = std::chrono::steady_clock;

class QueueBackend final : public Backend {
 public:
  QueueBackend(std::string endpoint, const OtlpExporterSettings& settings,
               const ComponentContext& context, const MetricLabels& labels)
      : Backend(std::move(endpoint)),
        sender_(
            ComponentContext{.id = context.id,
                             .path = context.path,
                             .pipeline = "",
                             .signals = context.signals,
                             .extensions = context.extensions,
                             .metrics = metrics(),
                             .ledger = context.ledger,
                             .books = context.books,
                             .clock = context.clock,
                             .warnings = context.warnings},
            settings.sender,
            std::make_unique<ObservedTransport>(std::make_unique<GrpcTransport>(settings),
                                                context.clock, metrics(), labels, is_failing())) {}

  Status start() override { return sender_.start(); }
  std::vector<otlp::Batch> retire(SteadyClock::time_point deadline) override {
    return sender_.surrender(deadline);
  }
  void hasten(SteadyClock::time_point deadline) override { sender_.hasten(deadline); }
  void stop(SteadyClock::time_point deadline) override { sender_.stop(deadline); }

  QueuedSender& sender() { return sender_; }

 private:
  QueuedSender sender_;
};

QueuedSender& sender_of(Backend& backend) {
  return static_cast<QueueBackend&>(backend).sender();
}

}  // namespace

BackendQueues::BackendQueues(const ComponentContext& context, LoadBalancingSettings settings)
    : settings_(std::move(settings)),
      id_(context.id),
      path_(context.path),
      signals_(context.signals),
      extensions_(context.extensions),
      metrics_(context.metrics),
      ledger_(context.ledger),
      books_(context.books),
      clock_(context.clock),
      counters_(context),
      dropped_down_(books_.dropped("backend_down")),
      dropped_shutdown_(books_.dropped("shutdown")),
      rerouted_(context.metrics.counter("kernspan_loadbalancer_rerouted_spans",
                                        "Spans that waited for a backend that is gone, and now "
                                        "wait for another.",
                                        {{"exporter", context.id}})),
      backends_(std::make_unique<BackendSet>(
          context, settings_.resolver,
          [this](const std::string& endpoint) { return make_backend(endpoint); },
          [this](std::vector<otlp::Batch> orphans) { place_orphans(std::move(orphans)); })) {}

BackendQueues::~BackendQueues() {
  stop(SteadyClock::now());
}

// Upstream's id for it: the series of its exporter helper have the endpoint in the label.
std::shared_ptr<Backend> BackendQueues::make_backend(const std::string& endpoint) {
  OtlpExporterSettings settings = settings_.otlp;
  settings.endpoint = endpoint;
  const std::size_t slash = id_.find('/');
  const std::string id = slash == std::string::npos
                             ? "otlp_grpc/" + endpoint
                             : fmt::format("otlp_grpc/{}_{}", id_.substr(slash + 1), endpoint);
  const ComponentContext context{.id = id,
                                 .path = fmt::format("{} ({})", path_, endpoint),
                                 .pipeline = "",
                                 .signals = signals_,
                                 .extensions = extensions_,
                                 .metrics = metrics_,
                                 .ledger = ledger_,
                                 .books = books_,
                                 .clock = clock_,
                                 .warnings = no_warnings_};
  return std::make_shared<QueueBackend>(endpoint, settings, context,
                                        MetricLabels{{"exporter", id_}, {"endpoint", endpoint}});
}

Status BackendQueues::start() {
  running_ = true;
  Status started = backends_->start();
  if (!started) running_ = false;
  return started;
}

void BackendQueues::stop(SteadyClock::time_point deadline) {
  if (!running_) return;
  backends_->freeze(deadline);
  running_ = false;
  backends_->stop(deadline);
  const std::scoped_lock lock(orphans_mutex_);
  for (const otlp::Batch& batch : std::exchange(orphans_, {})) {
    books_.release(batch.item_count());
    drop(batch.item_count(), dropped_shutdown_);
  }
}

Status BackendQueues::refuse(std::size_t spans, ErrorKind kind, const std::string& why) {
  books_.refuse(spans);
  counters_[otlp::Signal::kTraces].enqueue_failed->add(spans);
  return std::unexpected(Error{kind, path_ + ": " + why});
}

void BackendQueues::drop(std::size_t spans, Counter& reason) {
  counters_[otlp::Signal::kTraces].send_failed->add(spans);
  reason.add(spans);
}

BackendQueues::Verdict BackendQueues::judge(const Backends& backends, const OwnedPart& part) const {
  Backend* backend = backends.members[part.owner].get();
  if (backend == nullptr) return Verdict::kDrop;
  switch (sender_of(*backend).room_for(part.batch)) {
    case QueuedSender::Room::kThere:
      return Verdict::kEnqueue;
    case QueuedSender::Room::kNever:
      return Verdict::kRefuseForGood;
    case QueuedSender::Room::kFull:
      break;
  }
  return backend->is_failing() ? Verdict::kDrop : Verdict::kRefuse;
}

Status BackendQueues::consume(otlp::Batch batch) {
  const std::size_t all = batch.item_count();
  if (all == 0) return {};
  const std::shared_ptr<const Backends> backends = backends_->current();
  if (!running_ || backends->empty()) {
    return refuse(all, ErrorKind::kRetryable,
                  running_ ? "no backend is known yet" : "is not running");
  }
  std::vector<OwnedPart> parts =
      split_by_owner(std::move(batch), backends->ring, settings_.routing);
  std::vector<Verdict> verdicts;
  for (const OwnedPart& part : parts) verdicts.push_back(judge(*backends, part));
  const auto any = [&](Verdict verdict) {
    return std::ranges::find(verdicts, verdict) != verdicts.end();
  };
  if (any(Verdict::kRefuseForGood)) {
    return refuse(all, ErrorKind::kPermanent,
                  "a part of a batch is larger than the whole sending queue: raise "
                  "protocol::otlp::sending_queue::queue_size");
  }
  if (!any(Verdict::kEnqueue) || any(Verdict::kRefuse)) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: the sending queue of a backend is full, refused {} spans",
                         path_, all);
    return refuse(all, ErrorKind::kRetryable, "the sending queue of a backend is full");
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (verdicts[i] == Verdict::kEnqueue) {
      enqueue(*backends, std::move(parts[i]));
      continue;
    }
    const std::size_t spans = parts[i].batch.item_count();
    books_.take(spans);
    drop(spans, dropped_down_);
    KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} spans: the backend {} is down and its queue full",
                         path_, spans, backends->ring.endpoints()[parts[i].owner]);
  }
  return {};
}

Status BackendQueues::admit(otlp::Signal signal, std::size_t bytes) {
  const std::shared_ptr<const Backends> backends = backends_->current();
  const bool any_room = std::ranges::any_of(backends->members, [&](const auto& member) {
    return member != nullptr && sender_of(*member).admit(signal, bytes).has_value();
  });
  if (any_room) return {};
  return retryable(path_ + (backends->empty() ? ": no backend is known yet"
                                              : ": the sending queues of all backends are full"));
}

// There was room a moment ago: callers that came in between may make the queue a little longer than
// it should be.
void BackendQueues::enqueue(const Backends& backends, OwnedPart part) {
  Backend* backend = backends.members[part.owner].get();
  if (backend != nullptr && sender_of(*backend).adopt(part.batch, false)) return;
  books_.take(part.batch.item_count());
  books_.hold(part.batch.item_count());
  // It has just gone: there are others now.
  place(std::move(part.batch));
}

// By the backends of now. What no backend takes waits for the next ones.
void BackendQueues::place(otlp::Batch batch) {
  const std::shared_ptr<const Backends> backends = backends_->current();
  std::vector<OwnedPart> parts;
  if (!backends->empty()) {
    parts = split_by_owner(std::move(batch), backends->ring, settings_.routing);
  } else {
    parts.push_back({HashRing::kNone, std::move(batch)});
  }
  bool any_left = false;
  for (OwnedPart& part : parts) {
    Backend* backend =
        part.owner == HashRing::kNone ? nullptr : backends->members[part.owner].get();
    if (backend != nullptr && sender_of(*backend).adopt(part.batch, true)) continue;
    any_left = true;
    const std::scoped_lock lock(orphans_mutex_);
    orphans_.push_back(std::move(part.batch));
  }
  // Others have come in the meantime, and may have looked for orphans before these were there.
  if (any_left && backends_->current() != backends) place_orphans({});
}

void BackendQueues::place_orphans(std::vector<otlp::Batch> orphans) {
  for (const otlp::Batch& batch : orphans) rerouted_.add(batch.item_count());
  {
    const std::scoped_lock lock(orphans_mutex_);
    std::ranges::move(std::exchange(orphans_, {}), std::back_inserter(orphans));
  }
  for (otlp::Batch& batch : orphans) place(std::move(batch));
}

}  // namespace kernspan
