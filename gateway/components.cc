#include "gateway/components.h"

#include "gateway/stitch/stitch_processor.h"
#include "pipeline/service/pipeline_components.h"

namespace kernspan {

Registry gateway_components() {
  Registry registry = pipeline_components();
  registry.processors.push_back(stitch::stitch_processor_factory());
  return registry;
}

}  // namespace kernspan
