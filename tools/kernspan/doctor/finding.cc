#include "tools/kernspan/doctor/finding.h"

#include <utility>

namespace kernspan::doctor {

std::string_view name_of(Severity severity) {
  switch (severity) {
    case Severity::kInfo:
      return "info";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      break;
  }
  return "error";
}

std::optional<Severity> severity_named(std::string_view name) {
  for (const Severity severity : {Severity::kInfo, Severity::kWarning, Severity::kError}) {
    if (name_of(severity) == name) return severity;
  }
  return std::nullopt;
}

void Reporter::add(const ConfigPosition& position, std::string reason, std::string fix) {
  add(severity_, position, std::move(reason), std::move(fix));
}

void Reporter::add(Severity severity, const ConfigPosition& position, std::string reason,
                   std::string fix) {
  findings_.push_back({std::string(id_), point_, severity, position.to_string(), std::move(reason),
                       std::move(fix)});
}

}  // namespace kernspan::doctor
