#include "tools/kernspan/validate/known_components.h"

#include "agent/components.h"
#include "federation/components.h"
#include "gateway/components.h"

namespace kernspan::tools {

std::span<const Tier> tiers() {
  static constexpr Tier kTiers[] = {{"agent", agent_components},
                                    {"gateway", gateway_components},
                                    {"federation", federation_components}};
  return kTiers;
}

Registry known_components() {
  Registry all;
  for (const Tier& tier : tiers()) all.add(tier.components());
  return all;
}

}  // namespace kernspan::tools
