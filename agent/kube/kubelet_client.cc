#include "agent/kube/kubelet_client.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan::kube {
namespace {

constexpr std::string_view kStateNames[] = {
#define KERNSPAN_KUBELET_NAME(enumerator, name) name,
    KERNSPAN_KUBELET_STATES(KERNSPAN_KUBELET_NAME)
#undef KERNSPAN_KUBELET_NAME
};

std::uint64_t count_ns(std::chrono::nanoseconds duration) {
  return static_cast<std::uint64_t>(std::max<std::chrono::nanoseconds::rep>(duration.count(), 0));
}

struct FreeHash {
  void operator()(XXH3_state_t* state) const { XXH3_freeState(state); }
};

}  // namespace

std::string_view to_string(KubeletState state) {
  return kStateNames[static_cast<std::size_t>(state)];
}

KubeletClient::KubeletClient(KubeletSettings settings, PodDirectory& directory, const Clock& clock)
    : settings_(std::move(settings)),
      directory_(directory),
      clock_(clock),
      connection_(settings_.access),
      reader_(settings_.fields, settings_.pods_max) {
  directory_.on_wanted([this] {
    {
      const std::scoped_lock lock(mutex_);
      woken_ = true;
    }
    wake_.notify_one();
  });
}

KubeletClient::~KubeletClient() {
  stop();
  directory_.on_wanted(nullptr);
}

void KubeletClient::start() {
  thread_ = std::thread([this] { run(); });
}

void KubeletClient::stop() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  connection_.interrupt();
  if (thread_.joinable()) thread_.join();
}

KubeletClient::Snapshot KubeletClient::snapshot() const {
  const std::scoped_lock lock(mutex_);
  return published_;
}

KubeletClient::Next KubeletClient::next() const {
  if (!asked_ns_) return {.at_ns = clock_.monotonic_ns(), .on_demand = false};
  const std::uint64_t shortest = count_ns(settings_.min_interval);
  std::uint64_t wait = count_ns(settings_.interval);
  if (failures_ > 0) wait = std::min(wait, shortest << std::min<std::uint64_t>(failures_, 16));
  Next next{.at_ns = *asked_ns_ + wait, .on_demand = false};
  if (const auto wanted = directory_.wanted_at(); wanted && *wanted < next.at_ns) {
    next = {.at_ns = *wanted, .on_demand = true};
  }
  next.at_ns = std::max(next.at_ns, *asked_ns_ + shortest);
  return next;
}

void KubeletClient::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    woken_ = false;
    lock.unlock();
    const Next due = next();
    const std::uint64_t now_ns = clock_.monotonic_ns();
    if (due.at_ns <= now_ns) {
      ask(due.on_demand);
      directory_.sweep();
    }
    lock.lock();
    if (due.at_ns <= now_ns) continue;
    wake_.wait_for(lock, std::chrono::nanoseconds(due.at_ns - now_ns),
                   [this] { return stopping_ || woken_; });
  }
}

KubeletState KubeletClient::ask(bool on_demand) {
  const std::uint64_t began_ns = clock_.monotonic_ns();
  if (on_demand) ++counters_.on_demand;
  directory_.tried(began_ns);
  const Outcome outcome = request();
  asked_ns_ = clock_.monotonic_ns();
  failures_ = outcome.state == KubeletState::kReachable ? 0 : failures_ + 1;
  publish(outcome, began_ns);
  return outcome.state;
}

KubeletClient::Outcome KubeletClient::request() {
  std::size_t body_bytes = 0;
  const std::unique_ptr<XXH3_state_t, FreeHash> hash(XXH3_createState());
  XXH3_64bits_reset(hash.get());
  reader_.begin();
  std::string reason;
  const auto answer = connection_.get(
      settings_.target, settings_.timeout,
      [&](std::string_view piece) {
        body_bytes += piece.size();
        XXH3_64bits_update(hash.get(), piece.data(), piece.size());
        reader_.take(piece);
        return body_bytes <= settings_.body_bytes_max;
      },
      &reason, etag_);
  counters_.body_bytes += body_bytes;
  if (!answer) {
    return {connection_.was_slow() ? KubeletState::kSlow : KubeletState::kDown,
            answer.error().message};
  }
  if (answer->ended_early) {
    return {KubeletState::kInvalid,
            fmt::format("the answer is larger than {} bytes", settings_.body_bytes_max)};
  }
  if (answer->status == 304 && !etag_.empty()) {
    ++counters_.unchanged;
    return {KubeletState::kReachable, {}};
  }
  if (answer->status == 401 || answer->status == 403) {
    return {KubeletState::kForbidden,
            fmt::format("it answers {}{}{}; {}", answer->status, reason.empty() ? "" : ": ", reason,
                        advice(answer->status))};
  }
  if (answer->status != 200) {
    return {KubeletState::kInvalid,
            fmt::format("it answers {} to GET {}", answer->status, settings_.target)};
  }
  Outcome outcome = take_list(XXH3_64bits_digest(hash.get()));
  if (outcome.state == KubeletState::kReachable) etag_ = answer->etag;
  return outcome;
}

KubeletClient::Outcome KubeletClient::take_list(std::uint64_t hash) {
  if (hash == body_hash_ && directory_.is_synced()) {
    ++counters_.unchanged;
    return {KubeletState::kReachable, {}};
  }
  const std::uint64_t bad_before = reader_.counters().pods_bad;
  Result<std::vector<PodPtr>> pods = reader_.finish();
  counters_.lists = reader_.counters();
  if (!pods) return {KubeletState::kInvalid, pods.error().message};
  if (counters_.lists.pods_bad > bad_before) {
    KERNSPAN_LOG_LIMITED(kWarn, "kubelet: {} pods of the list are skipped; of the last one {}",
                         counters_.lists.pods_bad - bad_before, reader_.last_problem());
  }
  body_hash_ = hash;
  directory_.apply(*std::move(pods));
  return {KubeletState::kReachable, {}};
}

std::string KubeletClient::advice(long status) const {
  if (status == 401 && settings_.access.token_file.empty() && settings_.access.token.empty()) {
    return "give the agent a service account's token (kubernetes::auth_type: serviceAccount)";
  }
  return status == 401 ? "the token is not valid for this cluster, or has expired"
                       : "its service account needs \"get\" on nodes/pods or nodes/proxy";
}

// One line per change; the counters say how often.
void KubeletClient::publish(const Outcome& outcome, std::uint64_t began_ns) {
  ++counters_.requests[static_cast<std::size_t>(outcome.state)];
  state_.store(outcome.state, std::memory_order_relaxed);
  KubeletState before;
  {
    const std::scoped_lock lock(mutex_);
    before = std::exchange(published_.state, outcome.state);
    published_.counters = counters_;
    if (outcome.state == KubeletState::kReachable) published_.synced_ns = began_ns;
    if (stopping_) return;
  }
  if (outcome.state == before) return;
  if (outcome.state == KubeletState::kReachable) {
    log_info("kubelet: {} is reachable: {} pods", settings_.access.url, directory_.size());
  } else {
    log_warn("kubelet: {}: {}. Spans of pods that are not known are marked.", settings_.access.url,
             outcome.problem);
  }
}

}  // namespace kernspan::kube
