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
