#pragma once

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/config_yaml.h"
#include "pipeline/service/config_view.h"

namespace kernspan {

// A test of what looks at a configuration as a tree.
class ConfigCase : public ::testing::Test {
 protected:
  ConfigNode parse(std::string_view yaml) {
    Result<ConfigNode> parsed = parse_config(yaml, "a.yaml", environment(), warnings_);
    EXPECT_TRUE(parsed) << parsed.error().message;
    return parsed.value_or(ConfigNode());
  }

  Environment environment() {
    return [this](std::string_view name) -> std::optional<std::string> {
      const auto found = variables_.find(name);
      if (found == variables_.end()) return std::nullopt;
      return found->second;
    };
  }

  std::map<std::string, std::string, std::less<>> variables_;
  ConfigWarnings warnings_;
};

}  // namespace kernspan
