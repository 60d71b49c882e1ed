// What the agent and its probes have used of the processors.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/probes/capture.h"

namespace kernspan {

struct OwnCost {
  std::uint64_t agent_ns = 0;  // the whole process: the pipeline behind the receiver is part of it
  std::uint64_t probes_ns = 0;
  // The kernel's own measure of the programs' run time; else estimated from what they have counted.
  bool is_measured = false;

  std::uint64_t total_ns() const { return agent_ns + probes_ns; }
  std::string_view method() const { return is_measured ? "measured" : "estimated"; }
};

// Some microseconds for each program: for every second, not for every drain.
OwnCost read_own_cost(probes::Capture& capture);

// What so many records and other counted transfers cost the programs, about.
std::uint64_t estimate_probes_ns(const probes::KernelCounters& counters);

}  // namespace kernspan
