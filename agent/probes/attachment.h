// A loaded and attached set of BPF programs, and the choice of that set by trying.
#pragma once

#include <bpf/libbpf.h>

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "agent/probes/attach_table.h"
#include "agent/probes/probe_report.h"
#include "pipeline/base/error.h"

struct capture_bpf;

namespace kernspan::probes {

struct SkeletonDeleter {
  void operator()(capture_bpf* skeleton) const;
};
struct LinkDeleter {
  void operator()(bpf_link* link) const { bpf_link__destroy(link); }
};

// Links go before the skeleton that they belong to.
struct Attachment {
  std::unique_ptr<capture_bpf, SkeletonDeleter> skeleton;
  std::vector<std::unique_ptr<bpf_link, LinkDeleter>> links;
};

// Sets sizes and rodata before a load.
using PrepareSkeleton = std::function<Status(capture_bpf&)>;

struct AttachRequest {
  PrepareSkeleton prepare;
  std::string transfer_variant;  // "auto", or what CaptureSettings::variant says
  bool try_all = false;
  std::vector<std::string_view> without;  // groups that are not wanted; none that is required
  std::function<void(std::string_view)> log;
};

// Goes through the attach table, fills `report`, and returns the attached programs of the best
// variants.
Result<Attachment> attach_best(const AttachRequest& request, ProbeReport& report);

}  // namespace kernspan::probes
