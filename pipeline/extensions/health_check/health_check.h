#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// health_check: answers 200 while all pipelines run, else 503, for the probes of an orchestrator; and
// at another path whether they would take a request now. Keys: endpoint (localhost:13133), path (/),
// readiness_path (/ready), response_body.healthy, response_body.unhealthy.
ExtensionFactory health_check_extension_factory();

}  // namespace kernspan
