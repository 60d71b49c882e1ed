#include "federation/components.h"

#include "pipeline/service/pipeline_components.h"

namespace kernspan {

Registry federation_components() {
  return pipeline_components();
}

}  // namespace kernspan
