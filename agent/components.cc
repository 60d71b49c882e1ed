#include "agent/components.h"

#include "agent/receiver/ebpf_receiver.h"
#include "pipeline/service/pipeline_components.h"

namespace kernspan {

Registry agent_components() {
  Registry registry = pipeline_components();
  registry.receivers.push_back(ebpf_receiver_factory());
  return registry;
}

}  // namespace kernspan
