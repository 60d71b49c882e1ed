#include "agent/receiver/give_way.h"

#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string>

namespace kernspan {
namespace {

// sched_setattr(2); its header, <linux/sched/types.h>, does not go together with glibc's <sched.h>.
struct Attributes {
  std::uint32_t size;
  std::uint32_t policy;
  std::uint64_t flags;
  std::int32_t nice;
  std::uint32_t priority;
  std::uint64_t runtime_ns;
  std::uint64_t deadline_ns;
  std::uint64_t period_ns;
};
static_assert(sizeof(Attributes) == 48);  // SCHED_ATTR_SIZE_VER0

// Programs have 0.7 to 2.8 ms, by the number of processors. On a full machine a thread with a longer slice is
// served less often: with this one the ring waits for some slices of the others, not for seconds.
constexpr std::uint64_t kSliceNs = 5'000'000;

Status failed(const char* call) {
  return permanent(std::string(call) + ": " + std::strerror(errno));
}

}  // namespace

Status give_way() {
  Attributes attributes{};
  if (syscall(SYS_sched_getattr, 0, &attributes, sizeof attributes, 0) != 0) {
    return failed("sched_getattr");
  }
  if (attributes.policy != SCHED_OTHER) return {};
  attributes.policy = SCHED_BATCH;
  attributes.runtime_ns = kSliceNs;
  if (syscall(SYS_sched_setattr, 0, &attributes, 0) != 0) return failed("sched_setattr");
  return {};
}

}  // namespace kernspan
