#include "gateway/components.h"

#include "pipeline/service/pipeline_components.h"

namespace kernspan {

Registry gateway_components() {
  return pipeline_components();
}

}  // namespace kernspan
