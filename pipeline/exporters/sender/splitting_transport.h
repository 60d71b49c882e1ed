// Sends a batch in several requests when one would be too large: before it is sent, when it exceeds
// the settings' limits; afterwards, when the peer has refused it for its size: then in halves, down
// to single items.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "pipeline/exporters/sender/transport.h"

namespace kernspan {

// 0: no bound.
struct RequestLimits {
  std::uint64_t max_bytes = 0;  // before compression, which is what peers' limits mean
  std::uint64_t max_items = 0;
};

// The pieces of one batch go out one behind the other. When one fails, the outcome's `rest` is what
// was not sent.
class SplittingTransport final : public Transport {
 public:
  SplittingTransport(std::unique_ptr<Transport> transport, RequestLimits limits);

  Status start() override { return transport_->start(); }
  void send(const otlp::Batch& batch, std::chrono::nanoseconds timeout, Done done) override;
  void cancel_all() override;
  void stop() override { transport_->stop(); }

 private:
  struct Sending;

  bool fits(const otlp::Batch& batch) const;
  std::vector<otlp::Batch> pieces_of(const otlp::Batch& batch) const;
  void send_pieces(std::unique_ptr<Sending> sending);
  void on_piece_done(std::unique_ptr<Sending> sending, SendOutcome outcome);

  const std::unique_ptr<Transport> transport_;
  const RequestLimits limits_;
  std::atomic<bool> cancelled_ = false;
};

}  // namespace kernspan
