#include "pipeline/component/trace_door.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "pipeline/base/log.h"
#include "pipeline/otlp/split.h"

namespace kernspan {
namespace {

// How soon what could not be handed on is offered again.
constexpr std::chrono::milliseconds kLookAgain{500};
// The ring may change while a batch is being split by it; not that often.
constexpr int kMaxSplits = 8;

std::optional<TraceId> by_trace_id(const otlp::SpanIndex& index, std::size_t span) {
  return index.spans()[span].trace_id;
}

MetricLabels labels_of(const ComponentContext& context) {
  return {{"processor", context.id}, {"pipeline", context.pipeline}};
}

// A receiver may take larger requests than a hand-off's usual size.
void cut_large_parcels(std::vector<ReplicaRing::Port::Parcel>& parcels) {
  constexpr std::size_t kMaxParcelBytes = 4 << 20;
  for (std::size_t i = 0; i < parcels.size(); ++i) {
    HandOff& large = parcels[i].hand_off;
    if (large.spans.byte_count() <= kMaxParcelBytes) continue;
    std::vector<otlp::Batch> pieces =
        otlp::split_by_bytes(std::move(large.spans), kMaxParcelBytes).batches;
    large.spans = std::move(pieces.front());
    const HandOff like{.hops = large.hops, .age = large.age, .ages = large.ages};
    const ReplicaRing::Member to = parcels[i].to;
    for (std::size_t piece = 1; piece < pieces.size(); ++piece) {
      parcels.push_back({.to = to,
                         .hand_off = {.hops = like.hops,
                                      .age = like.age,
                                      .spans = std::move(pieces[piece]),
                                      .ages = like.ages}});
    }
  }
}

HandOff clone(const HandOff& hand_off, std::uint32_t hops) {
  return {.hops = hops,
          .age = hand_off.age,
          .spans = hand_off.spans.clone(),
          .ages = hand_off.ages,
          .decided = hand_off.decided};
}

}  // namespace

ReplicaRing* read_replicas(ConfigReader& reader, const Extensions& extensions) {
  std::string id;
  reader.string("replicas", &id);
  if (id.empty()) return nullptr;
  auto* ring = extensions.find<ReplicaRing>(id);
  if (ring == nullptr) {
    reader.error("replicas",
                 fmt::format("no extension \"{}\" of type replicas is in service::extensions: "
                             "configure it under extensions and add it to service::extensions",
                             id));
  }
  return ring;
}

TraceDoor::TraceDoor(const ComponentContext& context, ReplicaRing* ring, TraceHolder& holder,
                     RouteBy route_by)
    : ring_(ring),
      holder_(holder),
      name_(fmt::format("{} ({})", context.id, context.pipeline)),
      route_by_(route_by ? std::move(route_by) : by_trace_id),
      clock_(context.clock),
      books_(context.books),
      alone_decisions_(context.metrics.counter(
          "kernspan_replicas_alone_decisions",
          "Decisions on traces that their owner could not be given in time: each may be a split.",
          labels_of(context))),
      stray_spans_(context.metrics.counter(
          "kernspan_replicas_stray_spans",
          "Spans that were kept though another replica owns them, to be offered again.",
          labels_of(context))),
      ownership_(std::make_shared<const TraceOwnership>()) {}

TraceDoor::~TraceDoor() {
  stop(std::chrono::steady_clock::now());
}

void TraceDoor::start() {
  if (ring_ == nullptr) return;
  {
    const std::scoped_lock lock(mutex_);
    ownership_ = std::make_shared<const TraceOwnership>(ring_->view(), ring_->settle_window(),
                                                        clock_.monotonic_ns());
  }
  generation_.fetch_add(1, std::memory_order_acq_rel);
  std::unique_ptr<ReplicaRing::Port> port = ring_->open(name_, *this);
  {
    const std::scoped_lock lock(mutex_);
    port_ = std::move(port);
  }
  ring_changed();  // it may have, before the port was open
}

void TraceDoor::stop(std::chrono::steady_clock::time_point deadline) {
  constexpr std::chrono::milliseconds kLookStep{10};
  std::unique_ptr<ReplicaRing::Port> port;
  std::unique_lock lock(mutex_);
  if (port_ == nullptr) return;
  while (std::chrono::steady_clock::now() < deadline) {
    lock.unlock();
    const bool is_done = is_quiet();
    lock.lock();
    if (is_done) break;
    changed_.wait_until(lock, std::min(deadline, std::chrono::steady_clock::now() + kLookStep));
  }
  if (outstanding_parcels_ != 0) {
    log_warn("{}: {} spans could not be handed to their owners before the deadline", name_,
             outstanding_spans_);
  }
  port = std::move(port_);
  changed_.wait(lock, [this] { return senders_ == 0; });
  lock.unlock();
  port.reset();  // what comes back stays, as there is no port any more
}

std::shared_ptr<const TraceOwnership> TraceDoor::ownership() const {
  const std::scoped_lock lock(mutex_);
  return ownership_;
}

bool TraceDoor::is_quiet() const {
  if (has_strays_ || holder_.looked_at() < generation()) return false;
  const std::scoped_lock lock(mutex_);
  return outstanding_parcels_ == 0;
}

Status TraceDoor::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  if (spans == 0) return {};
  Status room = holder_.room(batch);
  Own own;
  if (room) {
    HandOff all{.spans = std::move(batch)};
    books_.hold(spans);
    room = split_and_send(all, 0, &own);
    if (!room) books_.release(spans);
  }
  if (!room) {
    books_.refuse(spans);
    return room;
  }
  books_.take(spans);
  keep(std::move(own));
  return {};
}

// Sends peers what is theirs and leaves the rest in `own`. Where it fails nothing has happened.
Status TraceDoor::split_and_send(const HandOff& hand_off, std::uint32_t hops, Own* own) {
  Status sent = {};
  for (int i = 0; i < kMaxSplits; ++i) {
    const auto view = ring_ == nullptr ? nullptr : ring_->view();
    if (view == nullptr || view->size() <= 1) {
      *own = {.hand_off = clone(hand_off, hops), .view = view};
      return {};
    }
    SplitHandOff split = split_by_owner(clone(hand_off, hops), *view, route_by_);
    *own = {.hand_off = std::move(split.own), .view = view};
    if (split.parcels.empty()) return {};
    cut_large_parcels(split.parcels);
    sent = send(*view, split.parcels);
    if (sent || ring_->view()->generation() == view->generation()) return sent;
  }
  return sent;
}

Status TraceDoor::send(const ReplicaRing::View& view,
                       std::vector<ReplicaRing::Port::Parcel>& parcels) {
  std::size_t spans = 0;
  for (const auto& parcel : parcels) spans += parcel.hand_off.spans.item_count();
  const std::size_t count = parcels.size();
  ReplicaRing::Port* port = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    port = port_.get();
    if (port == nullptr) return retryable(name_ + " hands nothing over: it is not running");
    ++senders_;  // keeps stop() from closing the port
    outstanding_parcels_ += count;
    outstanding_spans_ += spans;
  }
  const Status sent = port->send(view, parcels);
  if (!sent) is_back(count, spans);
  const std::scoped_lock lock(mutex_);
  --senders_;
  changed_.notify_all();
  return sent;
}

void TraceDoor::is_back(std::size_t parcels, std::size_t spans) {
  const std::scoped_lock lock(mutex_);
  outstanding_parcels_ -= parcels;
  outstanding_spans_ -= spans;
  changed_.notify_all();
}

void TraceDoor::let_in(HandOff hand_off) {
  if (!hand_off.decided.empty()) holder_.keep_decided(hand_off.decided);
  if (!hand_off.spans.empty()) {
    holder_.keep(std::move(hand_off.spans), {.age = hand_off.age, .ages = hand_off.ages});
  }
}

// The ring may have changed, and the component have gone through what it holds, in between: then
// this may belong to another by now.
void TraceDoor::keep(Own own) {
  const bool is_empty = own.hand_off.empty();
  let_in(std::move(own.hand_off));
  if (!is_empty && ring_ != nullptr && ring_->view() != own.view) {
    has_strays_.store(true, std::memory_order_release);
  }
}

// Another replica owns it; it is offered again with the component's next look at the ring.
void TraceDoor::keep_stray(HandOff hand_off) {
  stray_spans_.add(hand_off.spans.item_count());
  let_in(std::move(hand_off));
  has_strays_.store(true, std::memory_order_release);
}

Status TraceDoor::take(HandOff hand_off) {
  const std::size_t spans = hand_off.spans.item_count();
  if (Status room = holder_.room(hand_off.spans); !room) return room;
  const std::uint32_t hops = hand_off.hops + 1;
  books_.hold(spans);
  if (hops >= ring_->max_hops()) {
    const SplitHandOff split = split_by_owner(clone(hand_off, hops), *ring_->view(), route_by_);
    books_.take_from_peer(spans);
    if (split.parcels.empty()) {
      let_in(std::move(hand_off));
    } else {
      keep_stray(std::move(hand_off));
    }
    return {};
  }
  Own own;
  if (Status sent = split_and_send(hand_off, hops, &own); !sent) {
    books_.release(spans);
    return sent;
  }
  books_.take_from_peer(spans);
  keep(std::move(own));
  return {};
}

void TraceDoor::delivered(std::size_t spans) {
  books_.release(spans);
  books_.hand_to_peer(spans);
  is_back(1, spans);
}

void TraceDoor::undelivered(HandOff hand_off) {
  const std::size_t spans = hand_off.spans.item_count();
  Own own;
  const std::uint32_t hops = hand_off.hops + 1;
  if (hops < ring_->max_hops() && split_and_send(hand_off, hops, &own)) {
    keep(std::move(own));
  } else {
    keep_stray(std::move(hand_off));
  }
  is_back(1, spans);
}

Status TraceDoor::hand_over(HandOff& hand_off) {
  Own own;
  if (Status sent = split_and_send(hand_off, 0, &own); !sent) return sent;
  keep(std::move(own));
  hand_off = {};
  return {};
}

void TraceDoor::ring_changed() {
  {
    const std::scoped_lock lock(mutex_);
    auto view = ring_->view();
    if (view == ownership_->view()) return;
    ownership_ = std::make_shared<const TraceOwnership>(
        ownership_->after(std::move(view), clock_.monotonic_ns()));
  }
  generation_.fetch_add(1, std::memory_order_acq_rel);
  holder_.look_at_ring();
}

void TraceDoor::tick() {
  if (holder_.looked_at() < generation()) holder_.look_at_ring();  // it could not finish
  if (!has_strays_.load(std::memory_order_acquire)) return;
  const std::uint64_t now = clock_.monotonic_ns();
  {
    const std::scoped_lock lock(mutex_);
    if (now < look_again_ns_) return;
    look_again_ns_ = now + std::chrono::nanoseconds(kLookAgain).count();
  }
  has_strays_.store(false, std::memory_order_release);
  generation_.fetch_add(1, std::memory_order_acq_rel);
  holder_.look_at_ring();
}

}  // namespace kernspan
