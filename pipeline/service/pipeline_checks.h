#pragma once

#include "pipeline/component/config_reader.h"
#include "pipeline/component/registry.h"
#include "pipeline/service/settings.h"

namespace kernspan {

// What pipelines may be made of: components that know their signal, connectors that are an exporter
// here and a receiver there, ids that mean one thing, and no circle. Problems go to the reader.
void check_pipelines(const ServiceSettings& settings, const Registry& registry,
                     ConfigReader& reader);

}  // namespace kernspan
