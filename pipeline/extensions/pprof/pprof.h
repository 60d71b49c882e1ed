#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// pprof: /debug/pprof/profile?seconds=N, a CPU profile that `go tool pprof` reads, and
// /debug/pprof/cmdline. Key: endpoint (localhost:1777).
ExtensionFactory pprof_extension_factory();

}  // namespace kernspan
