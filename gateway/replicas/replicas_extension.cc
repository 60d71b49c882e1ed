#include "gateway/replicas/replicas_extension.h"

#include <fmt/format.h>

#include <algorithm>
#include <random>
#include <utility>
#include <vector>

#include "pipeline/base/log.h"
#include "pipeline/receivers/server_auth.h"

namespace kernspan::replicas {
namespace {

using std::chrono::steady_clock;

// How soon what failed may be tried again, and a peer counts as down.
constexpr std::chrono::milliseconds kTick{100};
// Peers are in the same cluster: who has not answered by then learns it by its next hand-off.
constexpr std::chrono::milliseconds kGoodbyeTime{1000};

std::uint64_t random_instance() {
  std::random_device random;
  const std::uint64_t high = random();
  return (high << 32 | random()) | 1U;  // never 0
}

ReplicaSetSettings with_identity(ReplicaSetSettings settings, const std::string& id) {
  settings.id = id;
  settings.instance = random_instance();
  return settings;
}

Result<std::unique_ptr<Extension>> create(const ConfigNode& node, const ComponentContext& context) {
  auto settings = read_replicas_settings(node, context.path, context.extensions, context.warnings);
  if (!settings) return std::unexpected(settings.error());
  return std::make_unique<ReplicasExtension>(context, *std::move(settings));
}

}  // namespace

ReplicasExtension::ReplicasExtension(const ComponentContext& context, ReplicasSettings settings)
    : path_(context.path),
      settings_(std::move(settings)),
      extensions_(context.extensions),
      peers_(settings_.client),
      set_(with_identity(settings_.set, context.id), peers_, context.clock, context.metrics),
      resolver_(make_resolver(settings_.resolver, {.path = context.path,
                                                   .metrics = context.metrics,
                                                   .labels = {{"extension", context.id}}})) {}

ReplicasExtension::~ReplicasExtension() {
  stop(steady_clock::now());
}

Status ReplicasExtension::start() {
  const auto authenticator = find_authenticator(extensions_, settings_.server.authenticator, path_);
  if (!authenticator) return std::unexpected(authenticator.error());
  if (Status started = peers_.start(); !started) return started;
  server_ = std::make_unique<GrpcPeerServer>(path_, settings_.server, *authenticator, set_);
  if (Status listening = server_->listen(); !listening) return listening;
  const std::size_t colon = settings_.set.address.rfind(':');
  const std::string port = settings_.set.address.substr(colon + 1);
  const Status resolving =
      resolver_->start([this, port](const std::vector<std::string>& endpoints) {
        std::vector<std::string> addresses;
        for (const std::string& endpoint : endpoints) {
          addresses.push_back(with_port(endpoint, port));
        }
        set_.set_listed(addresses);
      });
  if (!resolving) return resolving;
  const std::scoped_lock lock(mutex_);
  is_running_ = true;
  thread_ = std::thread([this] { run(); });
  log_info("{}: replica {}, listens for the others on {}", path_, settings_.set.address,
           settings_.server.endpoint);
  return {};
}

void ReplicasExtension::run() {
  std::unique_lock lock(mutex_);
  while (!stopping_.wait_for(lock, kTick, [this] { return !is_running_; })) {
    lock.unlock();
    set_.tick();
    lock.lock();
  }
}

void ReplicasExtension::pipelines_ready() {
  set_.join();
}

void ReplicasExtension::pipelines_not_ready() {
  set_.announce_leave();
  set_.wait_until_announced(steady_clock::now() + kGoodbyeTime);
  set_.leave();
}

void ReplicasExtension::stop(steady_clock::time_point deadline) {
  {
    const std::scoped_lock lock(mutex_);
    is_running_ = false;
    stopping_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  resolver_->stop();
  set_.stop();
  if (server_ != nullptr) server_->stop(deadline);
  peers_.stop();
}

ExtensionFactory replicas_extension_factory() {
  return {.type = "replicas", .create = create};
}

}  // namespace kernspan::replicas
