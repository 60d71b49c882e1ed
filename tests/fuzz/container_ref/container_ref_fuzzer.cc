// Cgroup paths and /proc/<pid>/cgroup files of any bytes: what comes out is bounded and plain ASCII, and
// can be found in what went in.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "agent/kube/container_ref.h"

namespace kernspan::kube {
namespace {

void check(bool holds) {
  if (!holds) __builtin_trap();
}

void check_plain(std::string_view text) {
  check(text.size() <= 253);
  for (const char c : text) check(c > ' ' && c < '\x7f' && c != '/');
}

void check_ref(const ContainerRef& ref, std::string_view input) {
  check_plain(ref.container_id);
  check_plain(ref.pod_uid);
  check(input.find(ref.container_id) != std::string_view::npos);
  check(!ref.container_id.empty() || ref.runtime == ContainerRuntime::kUnknown);
}

}  // namespace
}  // namespace kernspan::kube

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace kernspan::kube;
  const std::string input(reinterpret_cast<const char*>(data), size);
  check_ref(container_of_proc_cgroup(input), input);
  const ContainerRef ref = container_of_path(input);
  check_ref(ref, input);
  if (input.find('\n') == std::string::npos) {
    check(container_of_proc_cgroup("0::" + input) == ref);
  }
  return 0;
}
