#pragma once

#include <atomic>
#include <memory>

#include "pipeline/component/factory.h"
#include "pipeline/exporters/load_balancing/backend_set.h"
#include "pipeline/exporters/load_balancing/load_balancing_settings.h"
#include "pipeline/exporters/sender/transport.h"

namespace kernspan {

// An attempt goes to all owners of a batch's spans at once. What failed comes back as the rest, and
// is split anew by the backends of the next attempt; what a backend that is gone did not take goes
// to its new owner within the same attempt. For a queue in front of all backends.
class BalancedTransport final : public Transport {
 public:
  BalancedTransport(const ComponentContext& context, LoadBalancingSettings settings);
  ~BalancedTransport() override;

  Status start() override;
  void send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) override;
  void cancel_all() override;
  void stop() override;

 private:
  struct Sending;

  std::shared_ptr<Backend> make_backend(const std::string& endpoint);
  void send_parts(const std::shared_ptr<Sending>& sending, otlp::Batch batch);
  void on_part_done(const std::shared_ptr<Sending>& sending, otlp::Batch part, bool is_gone,
                    const SendOutcome& outcome);
  static void finish_one(const std::shared_ptr<Sending>& sending);

  const LoadBalancingSettings settings_;
  const std::string id_;
  const Clock& clock_;
  Counter& rerouted_;
  std::atomic<bool> cancelled_ = false;
  const std::unique_ptr<BackendSet> backends_;
};

}  // namespace kernspan
