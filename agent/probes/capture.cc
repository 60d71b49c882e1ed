#include "agent/probes/capture.h"

#include <bpf/bpf.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <mutex>
#include <utility>

#include "agent/probes/attachment.h"
#include "agent/probes/grpc_core_attacher.h"
#include "agent/probes/grpc_go_attacher.h"
#include "capture.skel.h"

namespace kernspan::probes {
namespace {

// One drain ends after so many records even if the kernel writes faster than we read.
constexpr std::size_t kDrainRecordsMax = 1 << 18;

// How often the kernel is asked for the runs that it left out: one system call per program.
constexpr std::chrono::seconds kMissedInterval{1};

struct RingDeleter {
  void operator()(ring_buffer* ring) const { ring_buffer__free(ring); }
};

struct CpuCounters {
  std::uint64_t values[KS_CPU_COUNTERS_MAX];
};

class CounterMapping {
 public:
  CounterMapping() = default;
  ~CounterMapping() {
    if (rows_ != nullptr) munmap(rows_, bytes_);
  }
  CounterMapping(const CounterMapping&) = delete;
  CounterMapping& operator=(const CounterMapping&) = delete;

  Status map(int fd, std::size_t row_count) {
    const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
    bytes_ = (row_count * sizeof(CpuCounters) + page - 1) / page * page;
    void* memory = mmap(nullptr, bytes_, PROT_READ, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
      return permanent(std::string("cannot map the kernel's counters: ") + std::strerror(errno));
    }
    rows_ = static_cast<CpuCounters*>(memory);
    row_count_ = row_count;
    return {};
  }

  KernelCounters sum() const {
    KernelCounters total{};
    for (std::size_t row = 0; row < row_count_; ++row) {
      for (std::size_t i = 0; i < total.size(); ++i) {
        total[i] += std::atomic_ref(rows_[row].values[i]).load(std::memory_order_relaxed);
      }
    }
    return total;
  }

 private:
  CpuCounters* rows_ = nullptr;
  std::size_t row_count_ = 0;
  std::size_t bytes_ = 0;
};

std::uint32_t ring_size(std::uint32_t wanted) {
  const auto page = static_cast<std::uint32_t>(sysconf(_SC_PAGESIZE));
  return std::bit_ceil(std::clamp(wanted, page, 1u << 30));
}

AttachRequest request_for(const CaptureSettings& settings) {
  AttachRequest request;
  request.transfer_variant = settings.variant;
  request.try_all = settings.try_all;
  if (!settings.grpc_go) request.without.emplace_back(kGrpcGoGroup);
  if (!settings.grpc_core) request.without.emplace_back(kGrpcCoreGroup);
  request.log = settings.log;
  request.prepare = [ring_bytes = ring_size(settings.ring_bytes),
                     tgid = settings.agent_tgid](capture_bpf& skeleton) -> Status {
    const int cpus = libbpf_num_possible_cpus();
    if (cpus <= 0) return permanent("the number of possible CPUs is unknown");
    skeleton.rodata->agent_tgid = tgid;
    if (bpf_map__set_max_entries(skeleton.maps.events, ring_bytes) != 0 ||
        bpf_map__set_max_entries(skeleton.maps.counters, static_cast<std::uint32_t>(cpus)) != 0) {
      return permanent("cannot size the maps");
    }
    return {};
  };
  return request;
}

}  // namespace

struct Capture::State {
  ProbeReport report;
  Attachment attachment;
  CounterMapping mapping;
  std::unique_ptr<ring_buffer, RingDeleter> ring;
  std::unique_ptr<GrpcGoAttacher> grpc_go;  // before the programs go
  std::unique_ptr<GrpcCoreAttacher> grpc_core;
  int policy_fd = -1;
  int stats_fd = -1;  // run times are measured while it is open
  std::uint64_t attach_missed = 0;
  std::atomic<std::uint64_t> policy_full = 0;
  // Set during drain().
  RecordSink* sink = nullptr;
  std::size_t drained = 0;
  // counters() and detach() may be called by different threads.
  std::mutex missed_mutex;
  std::chrono::steady_clock::time_point missed_at{};
  std::uint64_t missed = 0;

  ~State() {
    if (stats_fd >= 0) close(stats_fd);
  }

  static int take_record(void* context, void* data, std::size_t size) {
    auto& state = *static_cast<State*>(context);
    state.sink->on_record({static_cast<const char*>(data), size});
    return ++state.drained < kDrainRecordsMax ? 0 : -EAGAIN;
  }

  // One field of what the kernel says of each program, added up.
  std::uint64_t sum_over_programs(auto field) const {
    std::uint64_t total = 0;
    bpf_program* program = nullptr;
    bpf_object__for_each_program(program, attachment.skeleton->obj) {
      const int fd = bpf_program__fd(program);
      if (fd < 0) continue;  // not loaded
      bpf_prog_info info{};
      std::uint32_t size = sizeof info;
      if (bpf_prog_get_info_by_fd(fd, &info, &size) == 0) total += info.*field;
    }
    return total;
  }

  std::uint64_t recent_missed() {
    const std::lock_guard lock(missed_mutex);
    const auto now = std::chrono::steady_clock::now();
    if (missed_at == std::chrono::steady_clock::time_point{} ||
        now - missed_at >= kMissedInterval) {
      missed = sum_over_programs(&bpf_prog_info::recursion_misses);
      missed_at = now;
    }
    return missed;
  }
};

std::uint32_t CaptureSettings::own_tgid() {
  return static_cast<std::uint32_t>(getpid());
}

Capture::Capture(std::unique_ptr<State> state) : state_(std::move(state)) {}
Capture::~Capture() = default;

Result<std::unique_ptr<Capture>> Capture::create(const CaptureSettings& settings) {
  auto state = std::make_unique<State>();
  Result<Attachment> attachment = attach_best(request_for(settings), state->report);
  if (!attachment) return std::unexpected(attachment.error());
  state->attachment = std::move(*attachment);
  for (const GroupReport& group : state->report.groups) {
    if (group.chosen() == nullptr && !group.is_left_out) ++state->attach_missed;
    if (group.name == kGrpcGoGroup && group.chosen() != nullptr) {
      state->grpc_go = std::make_unique<GrpcGoAttacher>(
          *state->attachment.skeleton, group.chosen()->name == kUprobeMultiVariant);
    }
    if (group.name == kGrpcCoreGroup && group.chosen() != nullptr) {
      state->grpc_core = std::make_unique<GrpcCoreAttacher>(
          *state->attachment.skeleton, group.chosen()->name == kUprobeMultiVariant);
    }
  }

  const auto& maps = state->attachment.skeleton->maps;
  state->policy_fd = bpf_map__fd(maps.process_policy);
  if (Status mapped =
          state->mapping.map(bpf_map__fd(maps.counters), bpf_map__max_entries(maps.counters));
      !mapped) {
    return std::unexpected(mapped.error());
  }
  state->ring.reset(
      ring_buffer__new(bpf_map__fd(maps.events), &State::take_record, state.get(), nullptr));
  if (!state->ring) {
    return permanent(std::string("cannot map the event ring: ") + std::strerror(errno));
  }
  return std::unique_ptr<Capture>(new Capture(std::move(state)));
}

ProbeReport Capture::probe(CaptureSettings settings) {
  settings.try_all = true;
  ProbeReport report;
  // The report says what failed; the attachment ends here.
  static_cast<void>(attach_best(request_for(settings), report));
  return report;
}

std::size_t Capture::drain(RecordSink& sink) {
  state_->sink = &sink;
  state_->drained = 0;
  // Its result is the number of records, or the -EAGAIN of take_record(); there is no other
  // failure.
  static_cast<void>(ring_buffer__consume(state_->ring.get()));
  return state_->drained;
}

void Capture::detach() {
  state_->attachment.links.clear();
  const std::lock_guard lock(state_->missed_mutex);
  state_->missed_at = {};
}

KernelCounters Capture::counters() {
  KernelCounters counters = state_->mapping.sum();
  counters[KS_COUNT_RUN_MISSED] = state_->recent_missed();
  counters[KS_COUNT_POLICY_FULL] = state_->policy_full;
  counters[KS_COUNT_ATTACH_MISSED] = state_->attach_missed;
  return counters;
}

void Capture::ignore_process(std::uint32_t tgid) {
  const std::uint8_t ignore = 1;
  // When the map is full the process is traced like others.
  if (bpf_map_update_elem(state_->policy_fd, &tgid, &ignore, BPF_ANY) != 0) ++state_->policy_full;
  ++state_->attachment.skeleton->bss->policy_version;
}

void Capture::forget_process(std::uint32_t tgid) {
  static_cast<void>(bpf_map_delete_elem(state_->policy_fd, &tgid));
}

void Capture::set_shed_step(std::uint32_t step) {
  std::atomic_ref(state_->attachment.skeleton->bss->shed_step)
      .store(step, std::memory_order_relaxed);
}

bool Capture::measure_run_time() {
  if (state_->stats_fd < 0) state_->stats_fd = bpf_enable_stats(BPF_STATS_RUN_TIME);
  return state_->stats_fd >= 0;
}

std::optional<std::uint64_t> Capture::run_time_ns() const {
  if (state_->stats_fd < 0) return std::nullopt;
  return state_->sum_over_programs(&bpf_prog_info::run_time_ns);
}

const ProbeReport& Capture::report() const {
  return state_->report;
}

golang::ProbeAttacher* Capture::grpc_go() {
  return state_->grpc_go.get();
}

grpc_core::ProbeAttacher* Capture::grpc_core() {
  return state_->grpc_core.get();
}

}  // namespace kernspan::probes
