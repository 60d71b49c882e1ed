#include "agent/process/process_table.h"

#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "agent/process/command_line.h"
#include "agent/process/describe_process.h"
#include "agent/process/naming.h"
#include "agent/process/owners.h"
#include "agent/process/resource.h"
#include "agent/process/utf8.h"

namespace kernspan::process {
namespace {

constexpr std::size_t kProcessesMin = 64;
// How far up a process is followed for its name: worker, master, supervisor.
constexpr int kAncestorsMax = 4;

std::uint64_t clock_ns(clockid_t clock) {
  std::timespec now{};
  clock_gettime(clock, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

std::string_view comm_of(const ks_exec_event& event) {
  const std::string_view comm(reinterpret_cast<const char*>(event.comm), sizeof event.comm);
  return comm.substr(0, comm.find('\0'));
}

kube::CgroupId id_of(const ks_cgroup& cgroup) {
  return {.hierarchy = cgroup.hierarchy, .id = cgroup.id};
}

}  // namespace

// What runs in a process from one exec to the next. shared_ptr: forked children run the same one,
// and outlive their parent.
struct ProcessTable::Program {
  std::vector<std::string> exec_args;
  bool exec_args_truncated = false;
  std::string exec_comm;
  // The environment is that of the exec; titles may have overwritten it in one process and not yet
  // in another.
  std::string otel_service_name;
  std::string otel_resource_attributes;
  std::string flask_app;
  // Of the first process that could be read in full, without what is that process's alone.
  std::unique_ptr<ProcessInfo> info;
};

struct ProcessTable::Entry {
  ProcessInfo info;
  // Null once it has exited and is filled: it needs nothing any more, and its children have theirs.
  std::shared_ptr<Program> program = std::make_shared<Program>();
  bool filled = false;   // info is set
  bool settled = false;  // and find() has nothing to check
  bool exited = false;
  bool is_moved = false;  // to another cgroup, since info was set
  kube::CgroupId cgroup;  // as the events have it
  std::uint64_t exit_ns = 0;
  std::uint64_t seen_ns = 0;      // an event says that the process was there then; 0: none does
  std::uint64_t start_ticks = 0;  // 0: not known
  std::uint64_t checked_ns = 0;   // when /proc was last looked at
  std::uint64_t last_use = 0;     // by count of uses; 0: never asked for
  std::uint64_t order = 0;        // by count of uses, of when it was entered
};

ProcessTable::ProcessTable(Settings settings, HostInfo host, MonotonicClock clock)
    : settings_(std::move(settings)),
      host_(std::move(host)),
      clock_(std::move(clock)),
      reader_(settings_.proc_root),
      cgroups_({.proc_root = settings_.proc_root}, clock_),
      owners_(read_owners(settings_.passwd_path)),
      tick_ns_(1'000'000'000 / static_cast<std::uint64_t>(sysconf(_SC_CLK_TCK))),
      boot_time_unix_ns_(settings_.boot_time_unix_ns
                             ? *settings_.boot_time_unix_ns
                             : clock_ns(CLOCK_REALTIME) - clock_ns(CLOCK_BOOTTIME)),
      suspended_ns_(settings_.suspended_ns ? *settings_.suspended_ns
                                           : clock_ns(CLOCK_BOOTTIME) - clock_ns(CLOCK_MONOTONIC)) {
  settings_.max_processes = std::max(settings_.max_processes, kProcessesMin);
}

ProcessTable::~ProcessTable() = default;

ProcessTable::Entry* ProcessTable::lookup(std::uint32_t tgid) {
  const auto found = entries_.find(tgid);
  return found == entries_.end() ? nullptr : found->second.get();
}

ProcessTable::Entry& ProcessTable::obtain(std::uint32_t tgid) {
  if (Entry* known = lookup(tgid)) return *known;
  if (entries_.size() >= settings_.max_processes) make_room();
  auto entry = std::make_unique<Entry>();
  entry->info.tgid = tgid;
  entry->info.revision = next_revision_++;
  entry->order = ++uses_;
  return *entries_.emplace(tgid, std::move(entry)).first->second;
}

// The number now means another process: nothing that was known holds.
void ProcessTable::restart(Entry& entry) {
  const std::uint32_t tgid = entry.info.tgid;
  const std::uint64_t last_use = entry.last_use;
  entry = Entry{};
  entry.info.tgid = tgid;
  entry.info.revision = next_revision_++;
  entry.last_use = last_use;
  entry.order = ++uses_;
}

// Evicts a sixteenth at a time, so that a full table does not sort itself for each new process.
// First go those that nobody asked for (/proc still has the live ones), then the least recently
// used.
void ProcessTable::make_room() {
  using Rank = std::tuple<bool, bool, std::uint64_t, std::uint32_t>;
  std::vector<Rank> ranks;
  ranks.reserve(entries_.size());
  for (const auto& [tgid, entry] : entries_) {
    const bool asked_for = entry->last_use != 0;
    ranks.emplace_back(asked_for, !asked_for && !entry->exited,
                       asked_for ? entry->last_use : entry->order, tgid);
  }
  const std::size_t count = settings_.max_processes / 16 + 1;
  std::ranges::nth_element(ranks, ranks.begin() + static_cast<std::ptrdiff_t>(count));
  for (std::size_t i = 0; i < count; ++i) {
    const auto evicted = entries_.find(std::get<std::uint32_t>(ranks[i]));
    ++(evicted->second->exited ? counters_.evicted_exited : counters_.evicted_live);
    entries_.erase(evicted);
  }
}

void ProcessTable::on_exec(const ks_exec_event& event) {
  Entry& entry = obtain(event.tgid);
  if (entry.exited) restart(entry);
  entry.program = std::make_shared<Program>();
  entry.info = ProcessInfo{};
  entry.info.tgid = event.tgid;
  entry.info.parent_tgid = event.parent_tgid;
  entry.info.revision = next_revision_++;
  entry.filled = false;
  entry.settled = false;
  entry.start_ticks = 0;
  entry.checked_ns = 0;
  entry.is_moved = false;
  entry.cgroup = id_of(event.cgroup);
  entry.seen_ns = event.header.ts_ns;
  Program& program = *entry.program;
  program.exec_comm = comm_of(event);
  if (event.args_bytes > sizeof event.args) {
    ++counters_.malformed_events;
    return;
  }
  const std::string_view args(reinterpret_cast<const char*>(event.args), event.args_bytes);
  program.exec_args = split_nul(args, sizeof event.args);
  program.exec_args_truncated = args.size() == sizeof event.args && !args.ends_with('\0');
  if (rewrites_its_title(program.exec_args)) fill(entry, kAncestorsMax);
}

void ProcessTable::on_fork(const ks_fork_event& event) {
  // Entered even if nothing is known of it, so that its children can find each other's program.
  Entry& parent = obtain(event.parent_tgid);
  if (parent.exited) restart(parent);
  const std::shared_ptr<Program> program = parent.program;
  Entry& entry = obtain(event.tgid);
  restart(entry);
  entry.info.parent_tgid = event.parent_tgid;
  entry.program = program;
  entry.cgroup = id_of(event.cgroup);
  entry.seen_ns = event.header.ts_ns;
}

void ProcessTable::on_exit(const ks_exit_event& event) {
  Entry* entry = lookup(event.tgid);
  if (entry == nullptr || entry->exited) return;
  entry->exited = true;
  entry->settled = false;
  entry->exit_ns = event.header.ts_ns;
  if (event.cgroup.id != 0) entry->cgroup = id_of(event.cgroup);
  if (!entry->filled) return;
  entry->program.reset();
  // It may have been moved after it was looked at. That it is in none is believed of what was inherited.
  const kube::ContainerRef* told = told_container(*entry);
  if (told && (!told->empty() || entry->info.degraded)) set_container(*entry, *told);
}

void ProcessTable::on_cgroup(const ks_cgroup_event& event, std::string_view path, bool is_cut) {
  if (is_cut) {
    ++counters_.cgroup_paths_cut;
  } else {
    cgroups_.learn(id_of(event.cgroup), path);
  }
  if (event.tgid == 0) return;
  Entry* entry = lookup(event.tgid);
  if (entry == nullptr || entry->exited) return;
  entry->cgroup = id_of(event.cgroup);
  entry->is_moved = entry->filled;
  if (entry->is_moved) entry->settled = false;
}

const ProcessInfo& ProcessTable::find(std::uint32_t tgid) {
  Entry& entry = obtain(tgid);
  entry.last_use = ++uses_;
  if (!entry.settled) refresh(entry);
  return entry.info;
}

// For what find() may not take as it is: not read yet, read badly, or exited, when the number may
// already be another process's.
void ProcessTable::refresh(Entry& entry) {
  const std::uint64_t now_ns = clock_();
  if (entry.is_moved && !entry.exited) {
    refresh_container(entry);
    entry.settled = !entry.info.degraded;
    if (entry.settled) return;
  }
  const bool due = now_ns - entry.checked_ns >= settings_.retry_interval_ns;
  if (entry.exited) {
    if (!entry.filled) fill_without_proc(entry, kAncestorsMax);
    entry.program.reset();
    if (!due) return;
    entry.checked_ns = now_ns;
    const auto start_ticks = reader_.start_ticks(entry.info.tgid);
    if (!start_ticks || !is_other_process(entry, *start_ticks)) return;
    ++counters_.pid_reuses;
    restart(entry);
  }
  if (!entry.filled || due) fill(entry, kAncestorsMax);
}

void ProcessTable::refresh_container(Entry& entry) {
  entry.is_moved = false;
  if (const auto container = reader_.container(entry.info.tgid); container && !container->empty()) {
    set_container(entry, *container);
  } else if (const kube::ContainerRef* told = told_container(entry)) {
    set_container(entry, *told);
  }
}

void ProcessTable::set_container(Entry& entry, const kube::ContainerRef& container) {
  if (entry.info.container == container) return;
  ++counters_.container_changes;
  entry.info.container = container;
  entry.info.revision = next_revision_++;
}

// What the events say; null: nothing, or a cgroup that is not known.
const kube::ContainerRef* ProcessTable::told_container(const Entry& entry) {
  return entry.cgroup.id == 0 ? nullptr : cgroups_.find(entry.cgroup);
}

std::uint64_t ProcessTable::start_since_boot_ns(std::uint64_t start_ticks) const {
  return start_ticks * tick_ns_;
}

// Whether a process of this entry's number that started then is not the one of this entry.
bool ProcessTable::is_other_process(const Entry& entry, std::uint64_t start_ticks) const {
  if (entry.start_ticks != 0) return entry.start_ticks != start_ticks;
  // Times since boot, in ticks, are rounded down; events are in monotonic time.
  const std::uint64_t known_ns = entry.exited ? entry.exit_ns : entry.seen_ns;
  return known_ns != 0 && start_since_boot_ns(start_ticks) > known_ns + suspended_ns_ + tick_ns_;
}

void ProcessTable::fill(Entry& entry, int ancestors) {
  entry.checked_ns = clock_();
  auto snapshot = reader_.read(entry.info.tgid);
  if (!snapshot) {
    ++counters_.read_failures[static_cast<std::size_t>(snapshot.error())];
    if (!entry.filled) fill_without_proc(entry, ancestors);
    return;
  }
  if (is_other_process(entry, snapshot->start_ticks)) {
    ++counters_.pid_reuses;
    restart(entry);
    entry.checked_ns = clock_();
  }
  fill_from_proc(entry, *std::move(snapshot), ancestors);
}

void ProcessTable::fill_from_proc(Entry& entry, ProcSnapshot snapshot, int ancestors) {
  ++counters_.reads;
  for (std::size_t i = 0; i < kReadFailureCount; ++i) {
    counters_.read_failures[i] += snapshot.failures[i];
  }
  ProcessFacts& facts = snapshot.facts;
  if (facts.args_truncated) ++counters_.truncated_args;
  if (snapshot.environment_truncated) ++counters_.truncated_environments;

  Program& program = *entry.program;
  const auto inherit = [](std::string& mine, std::string& programs) {
    if (mine.empty()) mine = programs;
    if (programs.empty()) programs = mine;
  };
  inherit(facts.otel_service_name, program.otel_service_name);
  inherit(facts.otel_resource_attributes, program.otel_resource_attributes);
  inherit(facts.flask_app, program.flask_app);
  facts.exec_args = program.exec_args;
  if (program.exec_args_truncated && facts.exec_args.size() > 1) facts.exec_args.pop_back();

  ProcessInfo info;
  info.revision = next_revision_++;
  info.tgid = entry.info.tgid;
  info.parent_tgid = snapshot.parent_tgid;
  info.start_time_unix_ns = boot_time_unix_ns_ + start_since_boot_ns(snapshot.start_ticks);
  describe_executable(snapshot, info);
  if (snapshot.effective_uid) {
    const auto owner = owners_.find(*snapshot.effective_uid);
    if (owner != owners_.end()) info.owner = owner->second;
  }
  info.container = std::move(snapshot.container);
  if (info.container.empty()) {
    // The kernel shows a process that is ending in the root of v1's hierarchies.
    if (const kube::ContainerRef* told = told_container(entry)) info.container = *told;
  }
  info.args_truncated = facts.args_truncated;
  if (settings_.keep_args && !keep_args(facts.args, info)) {
    counters_.truncated_args += !info.args_truncated;
    info.args_truncated = true;
  }
  if (!take_attributes(facts.otel_resource_attributes, info)) {
    ++counters_.invalid_resource_attributes;
  }
  info.service_instance_configured = !info.service_instance_id.empty();
  if (!info.service_instance_configured) {
    info.service_instance_id = instance_id(host_, info.tgid, snapshot.start_ticks);
  }
  info.service_name = service_name_for(facts);
  info.service_name_configured = !configured_service_name(facts).empty();
  if (is_spawned_worker(facts) && info.service_name.starts_with("unknown_service")) {
    const ProcessInfo* parent = parent_info(entry, info.parent_tgid, ancestors);
    if (parent != nullptr && parent->executable_path == info.executable_path) {
      info.service_name = parent->service_name;
    }
  }
  info.degraded = !snapshot.complete();
  // A process that is ending has no executable any more: what was read before, or its parent has,
  // is better.
  if (info.executable_path.empty() && (program.info || entry.filled)) {
    if (!entry.filled) fill_without_proc(entry, ancestors);
    return;
  }
  if (info.degraded && (!entry.filled || !entry.info.degraded)) ++counters_.degraded_lookups;
  entry.info = std::move(info);
  entry.start_ticks = snapshot.start_ticks;
  entry.is_moved = false;
  entry.filled = true;
  entry.settled = !entry.info.degraded && !entry.exited;
  if (!entry.info.degraded && !program.info) {
    program.info = std::make_unique<ProcessInfo>(entry.info);
    program.info->start_time_unix_ns.reset();
    program.info->owner.clear();
    if (!program.info->service_instance_configured) program.info->service_instance_id.clear();
  }
}

// The parent, read if it was not yet; nothing if it is not known, or too far up.
const ProcessInfo* ProcessTable::parent_info(const Entry& entry, std::uint32_t parent_tgid,
                                             int ancestors) {
  if (ancestors == 0 || parent_tgid == 0 || parent_tgid == entry.info.tgid) return nullptr;
  Entry* parent = lookup(parent_tgid);
  if (parent == nullptr) {
    // Entering it could evict the entry in hand.
    if (entries_.size() >= settings_.max_processes) return nullptr;
    parent = &obtain(parent_tgid);
  }
  if (!parent->filled && !parent->exited) fill(*parent, ancestors - 1);
  return parent->filled ? &parent->info : nullptr;
}

void ProcessTable::fill_without_proc(Entry& entry, int ancestors) {
  ++counters_.degraded_lookups;
  const std::uint32_t tgid = entry.info.tgid;
  const std::uint32_t parent_tgid = entry.info.parent_tgid;
  const Program& program = *entry.program;
  if (!program.info) {
    // The parent may run the same program, and be there to be read: that fills program.info.
    const Entry* parent = lookup(parent_tgid);
    if (parent != nullptr && parent->program == entry.program) {
      parent_info(entry, parent_tgid, ancestors);
    }
  }
  ProcessInfo info;
  if (program.info) {
    info = *program.info;
  } else {
    ProcessFacts facts;
    facts.comm = program.exec_comm;
    facts.args = program.exec_args;
    facts.args_truncated = program.exec_args_truncated;
    info.service_name = service_name_for(facts);
    info.executable_name =
        to_utf8(facts.args.empty() ? std::string_view(facts.comm) : base_name(facts.args[0]),
                kPathBytesMax);
  }
  // Of another process of this program, or of the parent, it is likely the same.
  if (const kube::ContainerRef* told = told_container(entry)) {
    info.container = *told;
  } else if (!program.info) {
    const Entry* parent = lookup(parent_tgid);
    if (parent != nullptr && parent->filled) info.container = parent->info.container;
  }
  info.revision = next_revision_++;
  info.tgid = tgid;
  info.parent_tgid = parent_tgid;
  info.degraded = true;
  entry.info = std::move(info);
  entry.filled = true;
  entry.settled = false;
}

void ProcessTable::sweep(std::uint64_t now_ns) {
  std::size_t rechecks = 0;
  for (auto it = entries_.begin(); it != entries_.end();) {
    Entry& entry = *it->second;
    if (entry.exited) {
      const bool over = now_ns >= entry.exit_ns && now_ns - entry.exit_ns >= settings_.linger_ns;
      counters_.expired += over;
      it = over ? entries_.erase(it) : std::next(it);
      continue;
    }
    ++it;
    const std::uint64_t last_ns = std::max(entry.checked_ns, entry.seen_ns);
    if (rechecks == settings_.rechecks_per_sweep || now_ns < last_ns ||
        now_ns - last_ns < settings_.recheck_interval_ns) {
      continue;
    }
    ++rechecks;
    entry.checked_ns = now_ns;
    const auto start_ticks = reader_.start_ticks(entry.info.tgid);
    if (start_ticks) {
      if (!is_other_process(entry, *start_ticks)) {
        // Moves may go by unseen.
        if (entry.filled) refresh_container(entry);
        continue;
      }
      ++counters_.pid_reuses;
      restart(entry);
      continue;
    }
    if (start_ticks.error() != ReadFailure::kGone) continue;
    ++counters_.missed_exits;
    entry.exited = true;
    entry.settled = false;
    entry.exit_ns = now_ns;
  }
}

}  // namespace kernspan::process
