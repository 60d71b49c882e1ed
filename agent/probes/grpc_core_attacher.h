#pragma once

#include <memory>
#include <string>

#include "agent/grpc_core/probe_attacher.h"

struct capture_bpf;

namespace kernspan::probes {

// Attaches the uprobes of bpf/grpc_core.bpf.h, each to one process; their cookie is the build's number.
class GrpcCoreAttacher final : public grpc_core::ProbeAttacher {
 public:
  // The skeleton is loaded, with these programs, and outlives this. `is_multi`: with those of the variant
  // uprobe_multi (attach_table.h).
  GrpcCoreAttacher(capture_bpf& skeleton, bool is_multi)
      : skeleton_(skeleton), is_multi_(is_multi) {}

  Result<std::unique_ptr<grpc_core::AttachedProbes>> attach(
      const std::string& path, std::uint32_t tgid, const grpc_core::Library& library) override;

 private:
  class Probes;

  capture_bpf& skeleton_;
  const bool is_multi_;
  bool sockets_are_numbered_ = false;
};

}  // namespace kernspan::probes
