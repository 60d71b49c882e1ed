#pragma once

#include "pipeline/component/factory.h"

namespace kernspan {

// zpages: /debug/servicez, pipelinez, extensionz, featurez and tracez, for people. Key: endpoint
// (localhost:55679).
ExtensionFactory zpages_extension_factory();

}  // namespace kernspan
