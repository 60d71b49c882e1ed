#include "pipeline/service/pipeline_components.h"

#include "pipeline/extensions/health_check/health_check.h"

namespace kernspan {

// Adding a component: its folder, and a row here.
Registry pipeline_components() {
  return {
      .receivers = {},
      .processors = {},
      .exporters = {},
      .extensions = {health_check_extension_factory()},
  };
}

}  // namespace kernspan
