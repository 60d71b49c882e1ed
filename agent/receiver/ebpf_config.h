#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "agent/receiver/kubernetes_config.h"
#include "agent/receiver/overhead_budget.h"
#include "agent/receiver/span_settings.h"
#include "agent/receiver/tracer.h"
#include "pipeline/component/config_node.h"

namespace kernspan {

// The settings of the `ebpf` receiver (docs/configuration.md).
struct EbpfConfig {
  std::uint32_t ring_buffer_bytes = 8u << 20;
  std::chrono::nanoseconds drain_interval = std::chrono::milliseconds(5);
  std::string capture_variant = "auto";  // auto, tracepoint or fexit
  std::string record_file;               // raw events are also written here; empty: they are not
  bool uprobes_grpc_go = true;
  bool uprobes_grpc_core = true;
  // Files that stand for network namespaces (/proc/1/ns/net); empty: programs of all are traced.
  std::vector<std::string> network_namespaces;
  OverheadBudgetSettings overhead_budget;
  std::string selectors_file;  // empty: the selectors are tracer.selectors
  SpanSettings http;           // what a file of selectors begins with
  TracerSettings tracer;
  KubernetesConfig kubernetes;

  // The pods' annotations that these ask for are to be kept.
  void keep_annotations_for(const Selectors& selectors);

  static Result<EbpfConfig> read(const ConfigNode& node, ConfigWarnings& warnings,
                                 const std::string& path);
};

}  // namespace kernspan
