#pragma once

#include "pipeline/component/registry.h"

namespace kernspan {

// Every component that kernspan-federation knows.
Registry federation_components();

}  // namespace kernspan
