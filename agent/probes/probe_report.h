// What was attached, and why the rest was not: `kernspan-agent --probe-report`.
#pragma once

#include <string>
#include <vector>

#include "agent/probes/capabilities.h"

namespace kernspan::probes {

struct VariantReport {
  std::string name;
  std::string needs;
  bool is_chosen = false;
  bool was_tried = false;
  std::string error;  // the kernel's own words; empty: it works, or was not tried
};

struct GroupReport {
  std::string name;
  std::string purpose;
  bool is_required = false;
  bool is_left_out = false;  // as the settings say
  std::vector<VariantReport> variants;

  const VariantReport* chosen() const;
};

struct ProbeReport {
  std::string kernel;    // release, architecture
  std::string lockdown;  // none, integrity, confidentiality, or unknown
  Privileges privileges;
  std::vector<GroupReport> groups;

  std::string text() const;
};

}  // namespace kernspan::probes
