// Everything that the doctor has to say of some sources: what does not start, what is translated,
// and what the rules find.
#pragma once

#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/component/config_yaml.h"
#include "pipeline/component/registry.h"
#include "tools/kernspan/doctor/finding.h"
#include "tools/kernspan/doctor/subject.h"

namespace kernspan::doctor {

// Rule files of Prometheus are looked at on their own; all other sources are merged as a daemon would.
// Components that the program does not have are examined all the same. Findings come in the order of
// the sources, the worst of a place first. An error: a source cannot be read at all.
Result<std::vector<Finding>> diagnose(const std::vector<std::string>& sources,
                                      const Environment& environment, const Registry& registry,
                                      Circumstances circumstances);

}  // namespace kernspan::doctor
