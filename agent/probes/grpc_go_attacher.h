#pragma once

#include <bitset>
#include <memory>
#include <string>

#include "agent/golang/probe_attacher.h"
#include "agent/probes/abi.h"

struct capture_bpf;

namespace kernspan::probes {

// Attaches the uprobes of bpf/grpc_go.bpf.h. A probe works in all processes that run the file, whatever name
// they know it by; its cookie is the slot of the program's layout.
class GrpcGoAttacher final : public golang::ProbeAttacher {
 public:
  // The skeleton is loaded, with these programs, and outlives this. `is_multi`: with those of the variant
  // uprobe_multi (attach_table.h).
  GrpcGoAttacher(capture_bpf& skeleton, bool is_multi) : skeleton_(skeleton), is_multi_(is_multi) {}

  Result<std::unique_ptr<golang::AttachedProbes>> attach(
      const std::string& path, const golang::GrpcGoProgram& program) override;

 private:
  class Probes;

  capture_bpf& skeleton_;
  const bool is_multi_;
  std::bitset<KS_GO_LAYOUTS_MAX> used_slots_;
  bool sockets_are_numbered_ = false;
};

}  // namespace kernspan::probes
