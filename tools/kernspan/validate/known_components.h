#pragma once

#include <span>
#include <string_view>

#include "pipeline/component/registry.h"

namespace kernspan::tools {

struct Tier {
  std::string_view name;  // its daemon is kernspan-<name>
  Registry (*components)();
};
std::span<const Tier> tiers();

// The components of all tiers together.
Registry known_components();

}  // namespace kernspan::tools
