#pragma once

#include <string>
#include <vector>

#include "tools/kernspan/doctor/finding.h"

namespace kernspan::doctor {

// For people: errors first; where, severity, what, what to do, and the rule's id.
std::string text_report(const std::vector<Finding>& findings);
// For programs: an array of {id, point, severity, where, reason, fix}.
std::string json_report(const std::vector<Finding>& findings);

}  // namespace kernspan::doctor
