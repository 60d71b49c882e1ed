// OTLP over gRPC, with byte buffers. A request is checked in its wire form and handed on as it came;
// no message class is ever filled.
#pragma once

#include <memory>
#include <string>

#include "pipeline/component/authentication.h"
#include "pipeline/component/factory.h"
#include "pipeline/receivers/otlp/otlp_settings.h"
#include "pipeline/receivers/receiver_books.h"

namespace kernspan {

class GrpcUnaryServer;

// Answers, as upstream: malformed INVALID_ARGUMENT; refused by the pipeline (also by its admit(),
// which is asked before a message is decompressed) UNAVAILABLE when it is worth another try, else
// INTERNAL; without a good token UNAUTHENTICATED; services of signals that no pipeline takes, and
// unknown ones, UNIMPLEMENTED.
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
  class Service;  // keeps gRPC's headers out of this one

  struct Books {
    const ReceiverBooks& items;
    Counter& malformed;
    Counter& too_large;
    Counter& no_message;
    Counter& message_timeout;
    Counter& not_admitted;
    Counter& unauthenticated;
    Counter& unimplemented;
  };

  const std::string path_;
  const GrpcServerSettings settings_;
  const otlp::Signals signals_;
  const Extensions& extensions_;
  Consumer& next_;
  const ReceiverBooks item_books_;
  const Books books_;
  const std::unique_ptr<Service> service_;
  std::unique_ptr<GrpcUnaryServer> server_;
};

}  // namespace kernspan
