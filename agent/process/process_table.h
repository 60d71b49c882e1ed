// The processes whose sockets the agent sees, by tgid (in the pid namespace of `proc_root`, which
// must be the node's own, as the kernel side's tgids are).
//
//   on_fork -> known by parent -> on_exec -> known by event -> find -> read from /proc -> on_exit
//   -> lingers
//
// Nothing is read from /proc until a process is asked for, with one exception: programs known to
// overwrite their own arguments and environment (gunicorn, celery, ...) are read at their exec.
// Not for use by several threads: one thread owns a table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "agent/process/host_info.h"
#include "agent/process/process_info.h"
#include "bpf/abi/events.h"

namespace kernspan::process {

// CLOCK_MONOTONIC in nanoseconds, as the events' ts_ns.
using MonotonicClock = std::function<std::uint64_t()>;

// X(field, reason): why a part of a process could not be read; `reason` is the metric label's
// value.
#define KERNSPAN_PROCESS_READ_FAILURES(X)                                      \
  X(gone, "gone")                     /* the process was over */               \
  X(denied, "denied")                 /* EACCES, EPERM */                      \
  X(no_descriptors, "no_descriptors") /* EMFILE, ENFILE */                     \
  X(malformed, "malformed")           /* /proc/<pid>/stat not as documented */ \
  X(invalid_resource_attributes, "invalid_resource_attributes")                \
  X(other, "other")

struct ProcessCounters {
  std::uint64_t reads = 0;             // processes read from /proc, in full or in part
  std::uint64_t degraded_lookups = 0;  // processes that had to be named without /proc
  std::uint64_t truncated_args = 0;
  std::uint64_t truncated_environments = 0;
  std::uint64_t pid_reuses = 0;        // found out by start time: an exit event was missing
  std::uint64_t missed_exits = 0;      // found gone by sweep() without an exit event
  std::uint64_t malformed_events = 0;  // size fields that contradict the record
  std::uint64_t evicted_exited = 0;    // for room, before their linger was over
  std::uint64_t evicted_live = 0;      // for room, though still running
  std::uint64_t expired = 0;           // after their linger: the normal end
  struct {
#define KERNSPAN_PROCESS_FIELD(field, reason) std::uint64_t field = 0;
    KERNSPAN_PROCESS_READ_FAILURES(KERNSPAN_PROCESS_FIELD)
#undef KERNSPAN_PROCESS_FIELD
  } read_failures;
};

class ProcessTable {
 public:
  struct Settings {
    std::string proc_root = "/proc";
    std::string passwd_path = "/etc/passwd";  // names of owners; read once, at construction
    // 1 KiB to 2 KiB each. Twice what the default pid_max lets live, is more than a node's busy
    // ones.
    std::size_t max_processes = 16384;
    // How long an exited process is still known: spans end after their process does.
    std::uint64_t linger_ns = 60'000'000'000;
    // After a failed read, how long until find() tries again.
    std::uint64_t retry_interval_ns = 1'000'000'000;
    // Live entries of which one sweep() checks that the process is still the same one.
    std::size_t rechecks_per_sweep = 128;
    // Wall clock at boot; 0: computed from the system's clocks at construction.
    std::uint64_t boot_time_unix_ns = 0;
  };

  ProcessTable(Settings settings, HostInfo host, MonotonicClock clock);
  ~ProcessTable();
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  void on_exec(const ks_exec_event& event);
  void on_fork(const ks_fork_event& event);
  void on_exit(const ks_exit_event& event);

  // What is known of a process; never fails, at worst names it "unknown_service". The first call
  // for a program reads /proc (tens of microseconds); later ones are a hash lookup. The reference
  // holds until the next on_*() or sweep(); further find()s leave it alone unless more than half of
  // max_processes other processes are asked for.
  const ProcessInfo& find(std::uint32_t tgid);

  // Once a second or so. Forgets exited processes after their linger and checks some of the others.
  void sweep(std::uint64_t now_ns);

  std::size_t size() const { return entries_.size(); }
  const ProcessCounters& counters() const { return counters_; }

 private:
  struct Entry;
  std::unordered_map<std::uint32_t, Entry> entries_;
  ProcessCounters counters_;
};

}  // namespace kernspan::process
