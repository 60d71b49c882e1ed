#include "pipeline/receivers/otlp/otlp_factory.h"

#include <memory>
#include <thread>
#include <utility>

#include "pipeline/receivers/otlp/otlp_http_receiver.h"
#include "pipeline/receivers/otlp/otlp_receiver.h"

namespace kernspan {
namespace {

class OtlpProtocols final : public Receiver {
 public:
  OtlpProtocols(const ComponentContext& context, OtlpReceiverSettings settings, Consumer& next) {
    if (settings.grpc) {
      grpc_ = std::make_unique<OtlpReceiver>(context, std::move(*settings.grpc), next);
    }
    if (settings.http) {
      http_ = std::make_unique<OtlpHttpReceiver>(context, std::move(*settings.http), next);
    }
  }

  Status start() override {
    if (grpc_ != nullptr) {
      if (Status started = grpc_->start(); !started) return started;
    }
    return http_ == nullptr ? Status() : http_->start();
  }

  // Both at a time: neither may use up the other's time.
  void stop(std::chrono::steady_clock::time_point deadline) override {
    std::jthread http_stop;
    if (http_ != nullptr) http_stop = std::jthread([&] { http_->stop(deadline); });
    if (grpc_ != nullptr) grpc_->stop(deadline);
  }

 private:
  std::unique_ptr<OtlpReceiver> grpc_;
  std::unique_ptr<OtlpHttpReceiver> http_;
};

}  // namespace

ReceiverFactory otlp_receiver_factory() {
  const auto create = [](const ConfigNode& node, const ComponentContext& context,
                         Consumer& next) -> Result<std::unique_ptr<Receiver>> {
    auto settings = read_otlp_receiver_settings(node, context.path, context.warnings);
    if (!settings) return std::unexpected(settings.error());
    return std::make_unique<OtlpProtocols>(context, std::move(*settings), next);
  };
  return {.type = "otlp", .signals = kTracesAndMetrics, .create = create};
}

}  // namespace kernspan
