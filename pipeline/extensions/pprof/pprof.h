#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// pprof: /debug/pprof/profile?seconds=N, a CPU profile, and /debug/pprof/heap, who holds the memory
// that was allocated since its start, for `go tool pprof`; /debug/pprof/cmdline. Key: endpoint
// (localhost:1777).
ExtensionFactory pprof_extension_factory();

}  // namespace kernspan
