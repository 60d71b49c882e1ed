// The two ends of OTLP/gRPC for tests: a receiver on a free port and an exporter to any port.
#pragma once

#include <gtest/gtest.h>
#include <chrono>
#include <thread>

#include <memory>
#include <string>
#include <utility>

#include "pipeline/exporters/otlp/otlp_exporter.h"
#include "pipeline/receivers/otlp/otlp_receiver.h"
#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {

// A receiver that listens, with what it gave to its pipeline.
struct ReceivingPeer {
  explicit ReceivingPeer(GrpcServerSettings settings = {}) {
    if (settings.endpoint == GrpcServerSettings().endpoint) settings.endpoint = "127.0.0.1:0";
    receiver = std::make_unique<OtlpReceiver>(stage.context(), std::move(settings), consumer);
    const Status started = receiver->start();
    EXPECT_TRUE(started) << started.error().message;
  }

  std::string endpoint() const { return "127.0.0.1:" + std::to_string(receiver->port()); }
  void stop() { receiver->stop(std::chrono::steady_clock::now() + kPatience); }
  double spans(const std::string& what) const {
    return stage.metric("otelcol_receiver_" + what + "_spans",
                        {{"receiver", "otlp"}, {"transport", "grpc"}});
  }
  double refused_requests(const std::string& reason) const {
    return stage.metric("kernspan_receiver_refused_requests",
                        {{"receiver", "otlp"}, {"transport", "grpc"}, {"reason", reason}});
  }

  // gRPC answers for the receiver, which hears of it a moment later; 0 after five seconds.
  double wait_for_refused_requests(const std::string& reason) const {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (refused_requests(reason) == 0 && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return refused_requests(reason);
  }

  ComponentStage stage{"otlp"};
  RememberingConsumer consumer;
  std::unique_ptr<OtlpReceiver> receiver;
};

// An exporter as its factory makes it.
struct SendingPeer {
  explicit SendingPeer(const std::string& yaml) {
    auto made = otlp_exporter_factory().create(ComponentStage::yaml(yaml), stage.context());
    EXPECT_TRUE(made) << made.error().message;
    exporter = std::move(*made);
    const Status started = exporter->start();
    EXPECT_TRUE(started) << started.error().message;
  }

  Status send(std::string request) {
    auto batch = otlp::Batch::from_wire(std::move(request));
    EXPECT_TRUE(batch);
    return exporter->consume(std::move(*batch));
  }
  void stop(std::chrono::milliseconds patience = kPatience) {
    exporter->stop(std::chrono::steady_clock::now() + patience);
  }
  std::uint64_t dropped(const std::string& reason) { return stage.books.dropped(reason).value(); }

  ComponentStage stage{"otlp"};
  std::unique_ptr<Exporter> exporter;
};

}  // namespace kernspan
