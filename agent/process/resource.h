// A process and its node as an OpenTelemetry resource.
// Spec: OpenTelemetry semantic conventions, resource/{service,process,host,os}.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "agent/process/host_info.h"
#include "agent/process/pod_resource.h"
#include "agent/process/process_info.h"

namespace kernspan::process {

struct ResourceOptions {
  // process.command and process.command_args. Off: command lines carry passwords and tokens.
  bool command_args = false;
  PodAttributeOptions pods = {};
};

// In a fixed order, each key once. Attributes that the program's owner set
// (OTEL_RESOURCE_ATTRIBUTES, then the pod's annotations) win over those that were found out. Unknown
// values are left out, never sent empty.
std::vector<Attribute> resource_attributes(const ProcessInfo& process, const HostInfo& host,
                                           const ResourceOptions& options,
                                           const PodContext& pod = {});

// service.instance.id: the UUID v5, in the namespace that the semantic conventions give for it, of
// "<host.id>/<boot id>/<tgid>/<start time in ticks since boot>". The same for the life of the
// process whoever computes it, and different after a restart. Empty without a host id or a boot id.
std::string instance_id(const HostInfo& host, std::uint32_t tgid, std::uint64_t start_ticks);

}  // namespace kernspan::process
