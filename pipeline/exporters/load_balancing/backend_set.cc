#include "pipeline/exporters/load_balancing/backend_set.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan {
namespace {

using SteadyClock = std::chrono::steady_clock;

// How long requests to a backend that is gone may still be answered: about an attempt's timeout.
constexpr std::chrono::seconds kRetirement{5};

}  // namespace

BackendSet::BackendSet(const ComponentContext& context, const ResolverSettings& resolver, Make make,
                       OnOrphans on_orphans)
    : path_(context.path),
      make_(std::move(make)),
      on_orphans_(std::move(on_orphans)),
      resolver_(make_resolver(resolver, {.path = context.path,
                                         .metrics = context.metrics,
                                         .labels = {{"exporter", context.id}}})),
      retired_(context.metrics.counter("kernspan_loadbalancer_retired_backends",
                                       "Backends that the resolver no longer had.",
                                       {{"exporter", context.id}})),
      registration_(context.metrics.add_collector(
          [this](std::vector<MetricFamily>& families) { collect(families); })) {}

BackendSet::~BackendSet() {
  registration_ = {};
  freeze(SteadyClock::now());
  stop(SteadyClock::now());
}

Status BackendSet::start() {
  Status started =
      resolver_->start([this](const std::vector<std::string>& endpoints) { on_change(endpoints); });
  if (!started) return started;
  const std::scoped_lock lock(mutex_);
  return first_start_;
}

std::shared_ptr<const Backends> BackendSet::current() const {
  const std::scoped_lock lock(mutex_);
  return current_;
}

std::shared_ptr<Backend> BackendSet::make_started(const std::string& endpoint) {
  std::shared_ptr<Backend> backend = make_(endpoint);
  Status started = backend->start();
  if (started) return backend;
  log_error("{}: the backend {} cannot be started: {}", path_, endpoint, started.error().message);
  const std::scoped_lock lock(mutex_);
  first_start_ = std::move(started);
  return nullptr;
}

void BackendSet::on_change(const std::vector<std::string>& endpoints) {
  join_retirements(false);
  const std::shared_ptr<const Backends> before = current();
  auto after = std::make_shared<Backends>();
  after->ring = HashRing(endpoints);
  // By endpoint: two names of one are one backend.
  std::map<std::string, std::shared_ptr<Backend>> known;
  for (const auto& member : before->members) {
    if (member != nullptr) known[member->endpoint()] = member;
  }
  for (const std::string& endpoint : endpoints) {
    const std::string whole = endpoint_with_port(endpoint);
    std::shared_ptr<Backend>& member = known[whole];
    if (member == nullptr) member = make_started(whole);
    after->members.push_back(member);
  }
  const std::set<std::shared_ptr<Backend>> kept(after->members.begin(), after->members.end());
  std::set<std::shared_ptr<Backend>> gone(before->members.begin(), before->members.end());
  gone.erase(nullptr);
  {
    const std::scoped_lock lock(mutex_);
    current_ = after;
  }
  // What waited for a backend to come.
  if (!after->empty()) on_orphans_({});
  for (const auto& backend : gone) {
    if (!kept.contains(backend)) retire(backend);
  }
}

void BackendSet::retire(std::shared_ptr<Backend> backend) {
  log_info("{}: the backend {} is gone", path_, backend->endpoint());
  retired_.add();
  backend->set_retired();
  const std::scoped_lock lock(mutex_);
  Retirement& retirement = retirements_.emplace_back();
  retirement.backend = std::move(backend);
  retirement.thread = std::thread([this, &retirement] {
    std::vector<otlp::Batch> orphans = retirement.backend->retire(SteadyClock::now() + kRetirement);
    if (!orphans.empty()) on_orphans_(std::move(orphans));
    retirement.is_over = true;
  });
}

void BackendSet::join_retirements(bool all) {
  std::list<Retirement> over;
  {
    const std::scoped_lock lock(mutex_);
    for (auto each = retirements_.begin(); each != retirements_.end();) {
      const auto next = std::next(each);
      if (all || each->is_over) over.splice(over.end(), retirements_, each);
      each = next;
    }
  }
  for (Retirement& retirement : over) retirement.thread.join();
}

void BackendSet::hasten(SteadyClock::time_point deadline) {
  const std::scoped_lock lock(mutex_);
  for (const Retirement& retirement : retirements_) retirement.backend->hasten(deadline);
}

void BackendSet::freeze(SteadyClock::time_point deadline) {
  resolver_->stop();
  hasten(deadline);
  join_retirements(true);
}

void BackendSet::stop(SteadyClock::time_point deadline) {
  std::shared_ptr<const Backends> last;
  {
    const std::scoped_lock lock(mutex_);
    last = std::exchange(current_, std::make_shared<Backends>());
  }
  std::set<std::shared_ptr<Backend>> members(last->members.begin(), last->members.end());
  members.erase(nullptr);
  std::vector<std::thread> stops;
  stops.reserve(members.size());
  for (const auto& member : members) {
    stops.emplace_back([&member, deadline] { member->stop(deadline); });
  }
  for (std::thread& each : stops) each.join();
}

void BackendSet::collect(std::vector<MetricFamily>& families) const {
  std::set<std::shared_ptr<Backend>> members;
  {
    const std::scoped_lock lock(mutex_);
    members.insert(current_->members.begin(), current_->members.end());
    for (const Retirement& retirement : retirements_) members.insert(retirement.backend);
  }
  members.erase(nullptr);
  for (const auto& member : members) {
    std::ranges::move(member->metrics().snapshot(), std::back_inserter(families));
  }
}

}  // namespace kernspan
