#pragma once

#include <cstddef>
#include <cstdint>

#include "agent/conn/conn_counters.h"
#include "agent/conn/exchange.h"
#include "agent/conn/exchange_observer.h"
#include "agent/conn/grpc_calls.h"
#include "agent/conn/header_capture.h"

namespace kernspan {

// What all connections of a tracer share; outlives them.
struct ConnEnvironment {
  ExchangePool& pool;
  ExchangeObserver& observer;
  ConnCounters& counters;
  GrpcCalls& calls;
  HeaderBudget& header_budget;
  const HeaderCapture* headers = nullptr;  // null: none are captured
  // Requests without a response on one connection (pipelining). 128: nobody pipelines more, and a
  // stream out of step must not grow.
  std::size_t pipelined_max = 128;
  // Streams of one HTTP/2 connection that are open at a time. Servers allow 100 to 256 unless told
  // otherwise; gRPC servers may allow any number.
  std::size_t streams_max = 4096;
  // A stream that is older than this is reported while it lives (ExchangeObserver::on_interim), and
  // again each time its age has doubled; 0: never.
  std::uint64_t stream_report_interval_ns = 60'000'000'000;
};

}  // namespace kernspan
