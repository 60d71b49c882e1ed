#pragma once

#include "pipeline/component/registry.h"

namespace kernspan {

// Every component that kernspan-gateway knows.
Registry gateway_components();

}  // namespace kernspan
