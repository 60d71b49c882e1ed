#include "gateway/components.h"

#include "gateway/replicas/replicas_extension.h"
#include "gateway/stitch/stitch_processor.h"
#include "pipeline/service/pipeline_components.h"

namespace kernspan {

Registry gateway_components() {
  Registry registry = pipeline_components();
  registry.processors.push_back(stitch::stitch_processor_factory());
  registry.extensions.push_back(replicas::replicas_extension_factory());
  return registry;
}

}  // namespace kernspan
