// One process, read from /proc. Format: proc(5). One thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "agent/kube/container_ref.h"
#include "agent/process/naming.h"
#include "agent/process/runtime.h"

namespace kernspan::process {

// X(enumerator, reason): why something could not be read; `reason` is the metric label's value.
#define KERNSPAN_PROCESS_READ_FAILURES(X)                                          \
  X(kGone, "gone")                    /* the process was over */                   \
  X(kDenied, "denied")                /* EACCES, EPERM */                          \
  X(kNoExecutable, "no_executable")   /* a kernel thread, or one that is ending */ \
  X(kNoDescriptors, "no_descriptors") /* EMFILE, ENFILE */                         \
  X(kMalformed, "malformed")          /* not as proc(5) has it */                  \
  X(kOther, "other")

enum class ReadFailure {
#define KERNSPAN_PROCESS_ENUMERATOR(enumerator, reason) enumerator,
  KERNSPAN_PROCESS_READ_FAILURES(KERNSPAN_PROCESS_ENUMERATOR)
#undef KERNSPAN_PROCESS_ENUMERATOR
      kCount
};
inline constexpr std::size_t kReadFailureCount = static_cast<std::size_t>(ReadFailure::kCount);

// The reason as it stands in metrics.
std::string_view to_string(ReadFailure failure);

struct ProcSnapshot {
  std::uint32_t parent_tgid = 0;
  std::uint64_t start_ticks = 0;  // since boot, in sysconf(_SC_CLK_TCK)
  std::optional<std::uint32_t> effective_uid;
  ProcessFacts facts;
  RuntimeInfo runtime;
  kube::ContainerRef container;
  bool environment_truncated = false;
  // By reason: parts that could not be read though the process was there.
  std::array<std::uint32_t, kReadFailureCount> failures{};

  bool complete() const;
};

class ProcReader {
 public:
  explicit ProcReader(std::string proc_root);

  // Fails when the process is not there at all or cannot be told from another one.
  // Of the environment only the variables of ProcessFacts are kept; the rest is wiped at once.
  std::expected<ProcSnapshot, ReadFailure> read(std::uint32_t tgid);

  // Only ProcSnapshot::container.
  std::expected<kube::ContainerRef, ReadFailure> container(std::uint32_t tgid);

  // Only ProcSnapshot::start_ticks: a process's identity, together with its tgid.
  std::expected<std::uint64_t, ReadFailure> start_ticks(std::uint32_t tgid);

 private:
  std::string proc_root_;
  std::string buffer_;  // for command lines and environments
  RuntimeDetector runtimes_;
};

}  // namespace kernspan::process
