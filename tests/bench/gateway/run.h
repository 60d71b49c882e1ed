#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "tests/bench/engine/process.h"

namespace kernspan::bench {

// What goes through the gateway, and how long.
struct Load {
  double seconds = 20;
  double wait_seconds = 3;      // decision_wait
  double spans_per_second = 0;  // 0: as many as it takes
  std::size_t spans_per_request = 1000;
};

struct Setting {
  std::string self;     // this program
  std::string gateway;  // kernspan-gateway
  std::string folder;   // for configurations and logs
  Load load;
};

// What the program used, and took in, between two moments.
struct Stretch {
  double spans = 0;
  double user_seconds = 0;
  double system_seconds = 0;

  double cpu_seconds() const { return user_seconds + system_seconds; }
};

struct Measurement {
  std::string failure;  // why there is nothing to measure; empty when there is
  std::uint64_t generated = 0;
  std::uint64_t refused_requests = 0;
  std::uint64_t arrived = 0;
  double seconds = 0;
  Usage usage;

  // From when spans are let go at the pace at which they come, to the end of the load: what a gateway
  // costs once it has run for longer than the wait. Nothing when the load ends before.
  Stretch settled;

  // While the load ran, a moment before its end: what tail_sampling said that it held, what the
  // process had become larger by since before the load, and the bytes of those spans on the wire.
  double held_spans = 0;
  double held_bytes = 0;
  double grown_bytes = 0;
  double wire_bytes = 0;

  double decisions = 0;
  double p99_delay_seconds = 0;  // upper bound of the bucket that it lies in

  double cpu_us_per_span() const {
    return 1e6 * usage.cpu_seconds() / static_cast<double>(generated);
  }
};

// Why the program refuses a pipeline of these processors; empty when it takes it.
std::string refusal(const Setting& setting, const std::vector<std::string>& processors);

Measurement measure(const Setting& setting, const std::vector<std::string>& processors);
// The collector at `program`, passing on through its batch processor.
Measurement measure_collector(const Setting& setting, const std::string& program);

// This program's role of the process that sends: traces of ten spans, two each in five requests.
struct GeneratorOptions {
  int peer_port = 0;
  Load load;
};
int run_trace_generator(const GeneratorOptions& options);

}  // namespace kernspan::bench
