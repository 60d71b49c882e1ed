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
  // The skeleton is loaded, with these programs, and outlives this.
  explicit GrpcGoAttacher(capture_bpf& skeleton) : skeleton_(skeleton) {}

  Result<std::unique_ptr<golang::AttachedProbes>> attach(
      const std::string& path, const golang::GrpcGoProgram& program) override;

 private:
  class Probes;

  capture_bpf& skeleton_;
  std::bitset<KS_GO_LAYOUTS_MAX> used_slots_;
  bool sockets_are_numbered_ = false;
};

}  // namespace kernspan::probes
