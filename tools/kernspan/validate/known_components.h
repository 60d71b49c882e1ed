#pragma once

#include "pipeline/component/registry.h"

namespace kernspan::tools {

// The components of all tiers together.
Registry known_components();

}  // namespace kernspan::tools
