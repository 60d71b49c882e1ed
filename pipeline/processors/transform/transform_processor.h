// Type `transform`: changes spans, their events, scopes and resources by statements of OTTL
// (docs/ottl.md).
#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// Keys: error_mode, trace_statements. Traces only.
ProcessorFactory transform_processor_factory();

}  // namespace kernspan
