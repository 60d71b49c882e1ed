#pragma once

#include "pipeline/component/config_node.h"
#include "pipeline/service/known_types.h"

namespace kernspan {

// Takes the components that this version does not have out of the configuration, each with a
// warning: out of the pipelines, and pipelines that nothing feeds any more with them. Where a failover
// connector stood, its first level receives everything. A queue whose storage is gone is in memory.
// A pipeline that is left without exporters, and authentication that is left without its extension,
// are refused by whoever reads them.
void leave_out_unbuilt(ConfigNode& root, const KnownTypes& types, ConfigWarnings& warnings);

}  // namespace kernspan
