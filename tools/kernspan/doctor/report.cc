#include "tools/kernspan/doctor/report.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace kernspan::doctor {

std::string text_report(const std::vector<Finding>& findings) {
  std::string text;
  for (const Severity severity : {Severity::kError, Severity::kWarning, Severity::kInfo}) {
    for (const Finding& finding : findings) {
      if (finding.severity != severity) continue;
      text +=
          fmt::format("{}{}{}: {} [{}]\n    {}\n", finding.where, finding.where.empty() ? "" : ": ",
                      name_of(severity), finding.reason, finding.id, finding.fix);
    }
  }
  const auto count = [&](Severity severity) {
    return std::ranges::count(findings, severity, &Finding::severity);
  };
  text += fmt::format("{} errors, {} warnings, {} notes\n", count(Severity::kError),
                      count(Severity::kWarning), count(Severity::kInfo));
  return text;
}

std::string json_report(const std::vector<Finding>& findings) {
  nlohmann::ordered_json report = nlohmann::ordered_json::array();
  for (const Finding& finding : findings) {
    nlohmann::ordered_json row = {{"id", finding.id}};
    row["point"] = nullptr;
    if (finding.point != 0) row["point"] = finding.point;
    row["severity"] = name_of(finding.severity);
    row["where"] = finding.where;
    row["reason"] = finding.reason;
    row["fix"] = finding.fix;
    report.push_back(std::move(row));
  }
  // Whatever bytes a file had: the report is text.
  return report.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + '\n';
}

}  // namespace kernspan::doctor
