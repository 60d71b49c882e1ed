// Which processes are probed for calls of gRPC's C core: those that had connections before the agent began,
// while one of these is open. What is younger has been seen from its first byte, and needs no probe.
//
// Used by one thread only.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/grpc_core/probe_attacher.h"

namespace kernspan::grpc_core {

struct OldProcessCounters {
  std::uint64_t attached = 0;
  std::uint64_t detached = 0;
  std::array<std::uint64_t, kRefusalCount> refused{};  // processes, by Refusal
  std::uint64_t attach_failed = 0;
  std::uint64_t process_limit = 0;
};

class OldProcesses {
 public:
  struct Settings {
    std::string proc_root = "/proc";
    std::size_t probed_max = 256;
    // By its executable's name: whether a process may be probed.
    std::function<bool(std::string_view name)> is_traced = [](std::string_view) { return true; };
  };
  using Log = std::function<void(std::string_view line)>;

  // `attacher` is borrowed for the object's life.
  OldProcesses(Settings settings, ProbeAttacher& attacher, Log log);

  // Probes what is there now; to be called once. Looks at every process of the node: milliseconds for each hundred.
  void look_around();
  // Takes the probes out of processes whose old connections are closed. Every half minute or so.
  void recheck();

  const OldProcessCounters& counters() const { return counters_; }
  std::size_t probed() const { return processes_.size(); }

 private:
  struct Process {
    std::vector<std::uint64_t> sockets;
    std::unique_ptr<AttachedProbes> probes;
  };

  void probe(std::uint32_t tgid, std::vector<std::uint64_t> sockets);

  const Settings settings_;
  ProbeAttacher& attacher_;
  const Log log_;
  std::map<std::uint32_t, Process> processes_;
  OldProcessCounters counters_;
};

}  // namespace kernspan::grpc_core
