// The live capture: loads the BPF programs, attaches them, and reads their ring.
//
// Needs CAP_BPF and CAP_PERFMON (before kernel 5.8: CAP_SYS_ADMIN), and kernel BTF. Raises no
// limit, pins nothing: all programs and maps go when the process ends, however it ends.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/golang/probe_attacher.h"
#include "agent/grpc_core/probe_attacher.h"
#include "agent/probes/event_source.h"
#include "agent/probes/probe_report.h"
#include "pipeline/base/error.h"

namespace kernspan::probes {

struct CaptureSettings {
  // Rounded up to a power of two of at least a page, as the kernel asks. 8 MiB hold 30,000 heads of
  // usual size: 5 ms between drains at 6 million messages a second, or a reader that stalls for a
  // third of a second at 100,000.
  std::uint32_t ring_bytes = 8u << 20;
  // Of the group `transfer`: "auto", or the name of a variant (attach_table.h) which alone is
  // tried. "fexit" stands for both of its variants.
  std::string variant = "auto";
  // Never traced: the process itself. A test that traces its own sockets passes 0.
  std::uint32_t agent_tgid = own_tgid();
  // Load the programs that grpc_go() and grpc_core() attach.
  bool grpc_go = true;
  bool grpc_core = true;
  // Tries every variant, also when a better one works, so that the report has its real error.
  bool try_all = false;
  // Takes libbpf's warnings while this Capture is made; by default nobody does. Errors that matter
  // come back in the Result and in the report anyway.
  std::function<void(std::string_view line)> log;

  static std::uint32_t own_tgid();
};

class Capture final : public EventSource {
 public:
  // Loads and attaches. Fails if a required group cannot be attached; the message says what the
  // kernel lacks or forbids. libbpf's logging is global: not to be called from two threads at once.
  static Result<std::unique_ptr<Capture>> create(const CaptureSettings& settings);
  ~Capture() override;

  // What create() would do, without keeping it; never fails.
  static ProbeReport probe(CaptureSettings settings);

  std::size_t drain(RecordSink& sink) override;
  void detach() override;
  KernelCounters counters() override;
  void ignore_process(std::uint32_t tgid) override;
  void forget_process(std::uint32_t tgid) override;

  // Of all connections one in 2^step is followed from now on (bpf/abi/shed.h). Any thread.
  void set_shed_step(std::uint32_t step);

  // Makes the kernel measure how long programs run, all of the node, at some 50 ns for each run, until this ends.
  // False where the kernel does not let us.
  bool measure_run_time();
  // How long this capture's programs have run since then; nothing if that is not measured.
  std::optional<std::uint64_t> run_time_ns() const;

  const ProbeReport& report() const;

  // Probes executables; lives as long as this. Null if that was not asked for, or the kernel does not take it.
  golang::ProbeAttacher* grpc_go();
  // The same for processes with gRPC's C core.
  grpc_core::ProbeAttacher* grpc_core();

 private:
  struct State;
  explicit Capture(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace kernspan::probes
