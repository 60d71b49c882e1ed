#pragma once

#include "pipeline/component/registry.h"

namespace kernspan {

// The components that the agent knows: those of the engine, and the `ebpf` receiver.
Registry agent_components();

}  // namespace kernspan
