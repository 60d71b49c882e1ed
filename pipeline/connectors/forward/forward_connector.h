// Type `forward`: hands what one pipeline exports to others of its signal, to merge pipelines or to
// fork one in the middle. No settings.
#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

ConnectorFactory forward_connector_factory();

}  // namespace kernspan
