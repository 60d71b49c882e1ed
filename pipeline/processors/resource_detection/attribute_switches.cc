#include "pipeline/processors/resource_detection/attribute_switches.h"

#include <fmt/format.h>

namespace kernspan {

void AttributeSwitches::read(ConfigReader& detector) {
  ConfigReader& attributes = detector.section("resource_attributes");
  for (const ConfigEntry& entry : attributes.root().entries()) {
    const std::string& name = entry.key;
    bool enabled = this->enabled(name);
    attributes.section(name).boolean("enabled", &enabled);
    if (enabled_.contains(name)) {
      enabled_[name] = enabled;
    } else if (enabled) {
      std::string known;
      for (const auto& [other, on] : enabled_) known += (known.empty() ? "" : ", ") + other;
      attributes.error(name, fmt::format("is not supported; there are {}", known));
    }
  }
}

}  // namespace kernspan
