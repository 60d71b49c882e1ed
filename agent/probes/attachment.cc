#include "agent/probes/attachment.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <sys/utsname.h>

#include <algorithm>
#include <cstdarg>
#include <cstdio>
#include <cstring>

#include "agent/probes/kernel_requirements.h"
#include "capture.skel.h"

namespace kernspan::probes {
namespace {

// libbpf reports why something failed as text only, through one global function: the first warning
// about a program is the reason that people want to see.
class LibbpfLog {
 public:
  explicit LibbpfLog(const std::function<void(std::string_view)>& forward) {
    current_ = this;
    forward_ = &forward;
    previous_ = libbpf_set_print(&LibbpfLog::print);
  }
  ~LibbpfLog() {
    libbpf_set_print(previous_);
    current_ = nullptr;
  }
  LibbpfLog(const LibbpfLog&) = delete;
  LibbpfLog& operator=(const LibbpfLog&) = delete;

  void clear() { reason_.clear(); }
  const std::string& reason() const { return reason_; }

 private:
  static int print(libbpf_print_level level, const char* format, va_list args) {
    if (level != LIBBPF_WARN || current_ == nullptr) return 0;
    // The verifier's log comes as one message of up to 16 MiB; its beginning is of no use to
    // anyone.
    char text[4096];
    const int length = std::vsnprintf(text, sizeof text, format, args);
    if (length < 0) return 0;
    std::string_view line = text;
    while (line.ends_with('\n')) line.remove_suffix(1);
    if (line.starts_with("libbpf: ")) line.remove_prefix(8);
    if (*current_->forward_) (*current_->forward_)(line);
    if (current_->reason_.empty() && (line.starts_with("prog '") || line.starts_with("map '"))) {
      current_->reason_ = line;
    }
    return 0;
  }

  static inline LibbpfLog* current_ = nullptr;
  const std::function<void(std::string_view)>* forward_ = nullptr;
  libbpf_print_fn_t previous_ = nullptr;
  std::string reason_;
};

std::string reason_of(const LibbpfLog& log, int error) {
  if (!log.reason().empty()) return log.reason();
  return std::strerror(error < 0 ? -error : error);
}

// One skeleton with the programs of these variants, loaded and attached.
Result<Attachment> attach(const std::vector<const Variant*>& variants,
                          const PrepareSkeleton& prepare, LibbpfLog& log) {
  log.clear();
  Attachment attachment;
  attachment.skeleton.reset(capture_bpf__open());
  if (!attachment.skeleton) return permanent(fmt::format("open: {}", reason_of(log, errno)));
  bpf_object* object = attachment.skeleton->obj;
  std::vector<bpf_program*> programs;  // to attach at once
  for (const Variant* variant : variants) {
    for (const char* name : variant->programs) {
      bpf_program* program = bpf_object__find_program_by_name(object, name);
      if (program == nullptr) return permanent(fmt::format("no program {}", name));
      bpf_program__set_autoload(program, true);
      if (!variant->is_attached_later) programs.push_back(program);
    }
  }
  if (const Status prepared = prepare(*attachment.skeleton); !prepared) {
    return std::unexpected(prepared.error());
  }
  if (const int error = capture_bpf__load(attachment.skeleton.get()); error != 0) {
    return permanent(reason_of(log, error));
  }
  for (bpf_program* program : programs) {
    bpf_link* link = bpf_program__attach(program);
    if (link == nullptr) {
      return permanent(
          fmt::format("{}: attach: {}", bpf_program__name(program), reason_of(log, errno)));
    }
    attachment.links.emplace_back(link);
  }
  return attachment;
}

bool is_wanted(const Group& group, const Variant& variant, std::string_view wanted) {
  if (group.name != "transfer" || wanted == "auto") return true;
  return variant.name == wanted || (wanted == "fexit" && variant.name == "fexit_sendpage");
}

bool leaves_out(const AttachRequest& request, const Group& group) {
  return std::ranges::find(request.without, group.name) != request.without.end();
}

ProbeReport empty_report(const AttachRequest& request) {
  ProbeReport report;
  utsname name{};
  uname(&name);
  report.kernel = fmt::format("{} {}", name.release, name.machine);
  report.lockdown = read_lockdown();
  report.privileges = Privileges::own();
  for (const Group& group : kAttachTable) {
    GroupReport& row = report.groups.emplace_back();
    row.name = group.name;
    row.purpose = group.purpose;
    row.is_required = group.is_required;
    row.is_left_out = leaves_out(request, group);
    for (const Variant& variant : group.variants) {
      row.variants.push_back({.name = std::string(variant.name),
                              .needs = std::string(variant.needs),
                              .is_chosen = false,
                              .was_tried = false,
                              .error = {}});
    }
  }
  return report;
}

// Tries the variants of each group alone, until one works (or all of them).
void try_variants(const AttachRequest& request, LibbpfLog& log, ProbeReport& report) {
  for (std::size_t g = 0; g < kAttachTable.size(); ++g) {
    if (leaves_out(request, kAttachTable[g])) continue;
    bool has_choice = false;
    for (std::size_t v = 0; v < kAttachTable[g].variants.size(); ++v) {
      const Variant& variant = kAttachTable[g].variants[v];
      VariantReport& row = report.groups[g].variants[v];
      const bool wanted = is_wanted(kAttachTable[g], variant, request.transfer_variant);
      if (!request.try_all && (has_choice || !wanted)) continue;
      row.was_tried = true;
      const Result<Attachment> attempt = attach({&variant}, request.prepare, log);
      if (!attempt) {
        row.error = attempt.error().message;
      } else if (wanted && !has_choice) {
        row.is_chosen = has_choice = true;
      }
    }
  }
}

// The set of chosen variants, or what keeps the agent from running.
Result<std::vector<const Variant*>> chosen_variants(const AttachRequest& request,
                                                    const ProbeReport& report) {
  std::vector<const Variant*> chosen;
  for (std::size_t g = 0; g < kAttachTable.size(); ++g) {
    const Group& group = kAttachTable[g];
    bool has_choice = false;
    bool is_known = group.name != "transfer";
    std::string errors;
    for (std::size_t v = 0; v < group.variants.size(); ++v) {
      const VariantReport& row = report.groups[g].variants[v];
      is_known = is_known || is_wanted(group, group.variants[v], request.transfer_variant);
      if (row.is_chosen) {
        chosen.push_back(&group.variants[v]);
        has_choice = true;
      } else if (!row.error.empty()) {
        errors += fmt::format("\n  {} (needs {}): {}", row.name, row.needs, row.error);
      }
    }
    if (!is_known) {
      return permanent(
          fmt::format("capture variant \"{}\" does not exist: use auto, tracepoint or fexit",
                      request.transfer_variant));
    }
    if (!has_choice && group.is_required) {
      return permanent(fmt::format("cannot capture {} on kernel {} (lockdown: {}):{}{}",
                                   group.purpose, report.kernel, report.lockdown, errors,
                                   missing_requirements()));
    }
  }
  return chosen;
}

}  // namespace

void SkeletonDeleter::operator()(capture_bpf* skeleton) const {
  capture_bpf__destroy(skeleton);
}

Result<Attachment> attach_best(const AttachRequest& request, ProbeReport& report) {
  report = empty_report(request);
  LibbpfLog log(request.log);
  // libbpf raises RLIMIT_MEMLOCK for kernels that charge it (before 5.11), unless told not to.
  // EBUSY: it is settled already.
  libbpf_set_memlock_rlim(0);

  // Usually the best variants all work, and one load is enough.
  if (request.transfer_variant == "auto" && !request.try_all) {
    std::vector<const Variant*> best;
    for (const Group& group : kAttachTable) {
      if (!leaves_out(request, group)) best.push_back(&group.variants.front());
    }
    Result<Attachment> attachment = attach(best, request.prepare, log);
    if (attachment) {
      for (GroupReport& group : report.groups) {
        if (group.is_left_out) continue;
        group.variants.front().is_chosen = group.variants.front().was_tried = true;
      }
      return attachment;
    }
  }
  try_variants(request, log, report);
  const auto chosen = chosen_variants(request, report);
  if (!chosen) return std::unexpected(chosen.error());
  return attach(*chosen, request.prepare, log);
}

}  // namespace kernspan::probes
