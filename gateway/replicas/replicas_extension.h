// Type `replicas`: the replicas of one tier behind one service. Components that must see whole
// traces name it (`replicas: ID`), and hand each other what they do not own.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "gateway/replicas/grpc_peer_server.h"
#include "gateway/replicas/grpc_peers.h"
#include "gateway/replicas/replica_set.h"
#include "gateway/replicas/replicas_settings.h"
#include "pipeline/component/factory.h"
#include "pipeline/component/replica_ring.h"

namespace kernspan::replicas {

// Keys: resolver, endpoint, address, tls, auth, peers, hello_interval, down_after, forget_after,
// settle_window, hand_off_timeout, queue_size, num_consumers, max_hops.
ExtensionFactory replicas_extension_factory();

class ReplicasExtension final : public Extension, public ReplicaRing {
 public:
  ReplicasExtension(const ComponentContext& context, ReplicasSettings settings);
  ~ReplicasExtension() override;

  // Listens for peers, which are told to come again until all components run.
  Status start() override;
  void pipelines_ready() override;
  // Leaves the ring: while the pipelines stop, everything goes to the others.
  void pipelines_not_ready() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;

  std::shared_ptr<const View> view() const override { return set_.view(); }
  std::unique_ptr<Port> open(const std::string& name, Channel& channel) override {
    return set_.open(name, channel);
  }
  std::chrono::nanoseconds settle_window() const override { return set_.settle_window(); }
  std::uint32_t max_hops() const override { return set_.max_hops(); }

 private:
  void run();

  const std::string path_;
  const ReplicasSettings settings_;
  const Extensions& extensions_;
  GrpcPeers peers_;
  ReplicaSet set_;
  std::unique_ptr<Resolver> resolver_;
  std::unique_ptr<GrpcPeerServer> server_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable stopping_;
  bool is_running_ = false;
  std::thread thread_;
};

}  // namespace kernspan::replicas
