#pragma once

#include "pipeline/component/registry.h"

namespace kernspan {

// The components of pipeline/, which every tier knows.
Registry pipeline_components();

}  // namespace kernspan
