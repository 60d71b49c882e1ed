#include "agent/probes/probe_report.h"

#include <fmt/format.h>

#include <algorithm>

namespace kernspan::probes {

const VariantReport* GroupReport::chosen() const {
  const auto found = std::ranges::find(variants, true, &VariantReport::is_chosen);
  return found == variants.end() ? nullptr : &*found;
}

std::string ProbeReport::text() const {
  std::string text = fmt::format("kernel    {}\nlockdown  {}\n", kernel, lockdown);
  text += "\ncapabilities\n";
  const auto missing = missing_capabilities(privileges.capabilities);
  for (const CapabilityNeed& need : capability_needs()) {
    const bool is_missing = std::ranges::find(missing, &need) != missing.end();
    text +=
        fmt::format("  {:<22}{:<12}{}\n", need.name, is_missing ? "missing" : "there", need.use);
    if (is_missing) text += fmt::format("{:36}without it: {}\n", "", need.without);
  }
  if (!privileges.is_initial_user_namespace) {
    text += "  this is not the machine's own user namespace: capabilities do not count here\n";
  }
  for (const GroupReport& group : groups) {
    const VariantReport* chosen = group.chosen();
    text += fmt::format("\n{}: {}\n  chosen    {}\n", group.name, group.purpose,
                        chosen != nullptr   ? chosen->name
                        : group.is_left_out ? "nothing: switched off"
                        : group.is_required ? "nothing: the agent cannot run"
                                            : "nothing: the agent runs without");
    for (const VariantReport& variant : group.variants) {
      const std::string_view verdict = !variant.error.empty() ? "refused"
                                       : variant.is_chosen    ? "attached"
                                       : variant.was_tried    ? "works, not needed"
                                                              : "not needed";
      text += fmt::format("  {:<16}{:<18}needs {}\n", variant.name, verdict, variant.needs);
      if (!variant.error.empty()) text += fmt::format("{:18}{}\n", "", variant.error);
    }
  }
  return text;
}

}  // namespace kernspan::probes
