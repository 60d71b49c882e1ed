#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// Type `attributes`: changes the attributes of spans, of all or of those that `include` names and
// `exclude` does not. Keys: actions, include, exclude.
ProcessorFactory attributes_processor_factory();

}  // namespace kernspan
