#include "agent/probes/kernel_requirements.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/bpf.h>
#include <unistd.h>

#include <fstream>
#include <string_view>

#include "agent/probes/capabilities.h"

namespace kernspan::probes {
namespace {

struct HelperNeed {
  bpf_func_id helper;
  std::string_view name;
  std::string_view since;
};

constexpr HelperNeed kHelpers[] = {
    {BPF_FUNC_ringbuf_output, "bpf_ringbuf_output", "5.8"},
    {BPF_FUNC_get_current_task_btf, "bpf_get_current_task_btf", "5.11"},
    {BPF_FUNC_task_pt_regs, "bpf_task_pt_regs", "5.15"},
    {BPF_FUNC_loop, "bpf_loop", "5.17"},
};

}  // namespace

std::string read_lockdown() {
  std::ifstream file("/sys/kernel/security/lockdown");
  std::string text;
  std::getline(file, text);
  const std::size_t begin = text.find('[');
  const std::size_t end = text.find(']');
  if (begin == std::string::npos || end == std::string::npos || end < begin) return "unknown";
  return text.substr(begin + 1, end - begin - 1);
}

std::string missing_requirements() {
  std::string text;
  for (const std::string& line : missing_privileges(Privileges::own(), true)) {
    text += fmt::format("\n  {}", line);
  }
  if (access("/sys/kernel/btf/vmlinux", R_OK) != 0) {
    text += "\n  missing: kernel type information, /sys/kernel/btf/vmlinux (CONFIG_DEBUG_INFO_BTF)";
  }
  for (const HelperNeed& need : kHelpers) {
    // Tracing programs cannot be probed without a target; the helpers came to both types at once.
    if (libbpf_probe_bpf_helper(BPF_PROG_TYPE_KPROBE, need.helper, nullptr) == 0) {
      text += fmt::format("\n  missing: the kernel's BPF function {} (kernel {})", need.name,
                          need.since);
    }
  }
  return text;
}

}  // namespace kernspan::probes
