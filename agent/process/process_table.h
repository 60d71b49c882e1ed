// The processes whose sockets the agent sees, by tgid (in the pid namespace of `proc_root`, which
// must be the node's own, as the kernel side's tgids are).
//
//   exec event -> program known by its first arguments     fork event -> the parent's program
//   find()     -> read from /proc; if the process is gone already, what the events or the parent
//   say exit event -> lingers -> forgotten by sweep()
//
// The container comes from /proc/<pid>/cgroup while the process lives, and is looked at again when it
// was moved. Of a process that is gone the events say its cgroup (CgroupContainers).
//
// Nothing is read from /proc until a process is asked for, with one exception: programs known to
// overwrite their own arguments and environment (gunicorn, celery, ...) are read at their exec.
// Not for use by several threads: one thread owns a table.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "agent/kube/cgroup_containers.h"
#include "agent/process/host_info.h"
#include "agent/process/proc_reader.h"
#include "agent/process/process_info.h"
#include "bpf/abi/events.h"

namespace kernspan::process {

// CLOCK_MONOTONIC in nanoseconds, as the events' ts_ns.
using MonotonicClock = std::function<std::uint64_t()>;

struct ProcessCounters {
  std::uint64_t reads = 0;             // processes read from /proc, in full or in part
  std::uint64_t degraded_lookups = 0;  // processes that had to be named without all of /proc
  std::uint64_t truncated_args = 0;
  std::uint64_t truncated_environments = 0;
  std::uint64_t invalid_resource_attributes = 0;  // OTEL_RESOURCE_ATTRIBUTES that were ignored
  std::uint64_t pid_reuses = 0;                   // found by start time: an exit event was missing
  std::uint64_t missed_exits = 0;                 // found gone by sweep() without an exit event
  std::uint64_t container_changes = 0;            // moved there after it had been looked at
  std::uint64_t cgroup_paths_cut = 0;             // longer than an event: not learnt from it
  std::uint64_t malformed_events = 0;             // size fields that contradict the record
  std::uint64_t evicted_exited = 0;               // for room, before their linger was over
  std::uint64_t evicted_live = 0;                 // for room, though still running
  std::uint64_t expired = 0;                      // after their linger: the normal end
  std::array<std::uint64_t, kReadFailureCount> read_failures{};  // by ReadFailure
};

class ProcessTable {
 public:
  struct Settings {
    std::string proc_root = "/proc";
    std::string passwd_path = "/etc/passwd";  // names of owners; read once, at construction
    // About 1 KiB each. At least 64.
    std::size_t max_processes = 8192;
    // How long an exited process is still known: spans end after their process does.
    std::uint64_t linger_ns = 60'000'000'000;
    // After a failed read, how long until find() tries again.
    std::uint64_t retry_interval_ns = 1'000'000'000;
    // How often sweep() checks that a process is still there and the same, and how many in one
    // call.
    std::uint64_t recheck_interval_ns = 30'000'000'000;
    std::size_t rechecks_per_sweep = 256;
    // Fill ProcessInfo::args. Off: command lines carry secrets, and take memory.
    bool keep_args = false;
    // Wall clock at boot, and CLOCK_BOOTTIME minus CLOCK_MONOTONIC (the time spent suspended). When
    // not set: asked of the system's clocks at construction.
    std::optional<std::uint64_t> boot_time_unix_ns;
    std::optional<std::uint64_t> suspended_ns;
  };

  ProcessTable(Settings settings, HostInfo host, MonotonicClock clock);
  ~ProcessTable();
  ProcessTable(const ProcessTable&) = delete;
  ProcessTable& operator=(const ProcessTable&) = delete;

  void on_exec(const ks_exec_event& event);
  void on_fork(const ks_fork_event& event);
  void on_exit(const ks_exit_event& event);
  void on_cgroup(const ks_cgroup_event& event, std::string_view path, bool is_cut);

  // What is known of a process; never fails, at worst names it "unknown_service". The first call
  // for a program reads /proc (tens of microseconds); later ones are a hash lookup. The reference
  // holds until the next on_*() or sweep(); further find()s leave it alone unless more than half of
  // max_processes other processes are asked for.
  const ProcessInfo& find(std::uint32_t tgid);

  // Once the kernel side reports new cgroups: what containers there are already.
  void learn_cgroups() { cgroups_.learn_all(); }

  // Once a second or so. Forgets exited processes after their linger and checks some of the others.
  void sweep(std::uint64_t now_ns);

  std::size_t size() const { return entries_.size(); }
  const ProcessCounters& counters() const { return counters_; }
  const kube::CgroupContainers& cgroups() const { return cgroups_; }

 private:
  struct Program;
  struct Entry;

  Entry& obtain(std::uint32_t tgid);
  Entry* lookup(std::uint32_t tgid);
  void restart(Entry& entry);
  void make_room();
  void refresh(Entry& entry);
  void refresh_container(Entry& entry);
  void set_container(Entry& entry, const kube::ContainerRef& container);
  const kube::ContainerRef* told_container(const Entry& entry);
  void fill(Entry& entry, int ancestors);
  void fill_from_proc(Entry& entry, ProcSnapshot snapshot, int ancestors);
  void fill_without_proc(Entry& entry, int ancestors);
  const ProcessInfo* parent_info(const Entry& entry, std::uint32_t parent_tgid, int ancestors);
  bool is_other_process(const Entry& entry, std::uint64_t start_ticks) const;
  std::uint64_t start_since_boot_ns(std::uint64_t start_ticks) const;

  Settings settings_;
  HostInfo host_;
  MonotonicClock clock_;
  ProcReader reader_;
  kube::CgroupContainers cgroups_;
  std::unordered_map<std::uint32_t, std::string> owners_;
  std::uint64_t tick_ns_;
  std::uint64_t boot_time_unix_ns_;
  std::uint64_t suspended_ns_;
  std::uint64_t next_revision_ = 1;
  std::uint64_t uses_ = 0;
  std::unordered_map<std::uint32_t, std::unique_ptr<Entry>> entries_;
  ProcessCounters counters_;
};

}  // namespace kernspan::process
