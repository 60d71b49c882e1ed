#pragma once

#include <optional>
#include <string>

#include "tests/bench/engine/grpc_peer.h"
#include "tests/bench/engine/process.h"

namespace kernspan::bench {

struct Scenario {
  const char* name;
  std::size_t spans_per_request = 8192;
  bool gzip = false;
  bool tls = false;
  bool durable = false;  // sending_queue.storage
};

struct Measurement {
  std::uint64_t generated = 0;
  std::uint64_t arrived = 0;
  std::uint64_t refused_requests = 0;
  double seconds = 0;
  Usage usage;

  double spans_per_cpu_second() const { return static_cast<double>(arrived) / usage.cpu_seconds(); }
};

// Where the programs are, and what the runs have in common.
struct Setting {
  std::string self;     // this program
  std::string gateway;  // kernspan-gateway
  std::string folder;   // for certificates, configurations, logs, queues
  double seconds = 5;
  bool has_resource_processor = true;
};

// Why the gateway refuses the configuration of a scenario; empty when it takes it.
std::string refusal(const Setting& setting, const Scenario& scenario);

Measurement measure_gateway(const Setting& setting, const Scenario& scenario);
Measurement measure_relay(const Setting& setting, const Scenario& scenario);

// A certificate authority and a certificate for localhost, made by openssl; false when that failed.
bool make_certificates(const std::string& folder);

}  // namespace kernspan::bench
