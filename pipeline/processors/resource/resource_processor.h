#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// Type `resource`: changes the attributes of resources, of traces and of metrics. Only what stands
// in front of the spans is written anew. Key: attributes, a list of actions.
ProcessorFactory resource_processor_factory();

}  // namespace kernspan
