// Type `otlp`: OTLP over gRPC, with byte buffers. A request is checked in its wire form and handed
// on as it came; no message class is ever filled.
#pragma once

#include <memory>

#include "pipeline/component/factory.h"
#include "pipeline/receivers/otlp/otlp_settings.h"

namespace kernspan {

ReceiverFactory otlp_receiver_factory();

// Answers, as upstream: malformed INVALID_ARGUMENT; refused by the pipeline UNAVAILABLE when it is
// worth another try, else INTERNAL; other services UNIMPLEMENTED.
class OtlpReceiver final : public Receiver {
 public:
  OtlpReceiver(const ComponentContext& context, GrpcServerSettings settings, Consumer& next);
  ~OtlpReceiver() override;

  Status start() override;
  // Refuses new calls, lets those in progress end until the deadline, then cancels them. Waits for
  // a consumer that is just taking a batch.
  void stop(std::chrono::steady_clock::time_point deadline) override;

  // The port that is listened on, after start(): for endpoints with port 0.
  int port() const;

 private:
  class Server;  // keeps gRPC's headers out of this one

  struct Books {
    StageBooks& stage;
    Counter& accepted_spans;
    Counter& refused_spans;
    Counter& malformed;
    Counter& too_large;
    Counter& no_message;
    Counter& unimplemented;
  };

  const std::string path_;
  const GrpcServerSettings settings_;
  Consumer& next_;
  const Books books_;
  std::unique_ptr<Server> server_;
};

}  // namespace kernspan
