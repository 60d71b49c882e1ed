#include "pipeline/service/config_loader.h"

#include <gmock/gmock.h>

#include "tests/unit/pipeline/service/config_case.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class ConfigLoader : public ConfigCase {
 protected:
  ConfigNode load(const std::vector<std::string>& sources) {
    Result<ConfigNode> loaded = load_config(sources, environment(), warnings_);
    EXPECT_TRUE(loaded) << loaded.error().message;
    return loaded.value_or(ConfigNode());
  }
  std::string error_of(const std::vector<std::string>& sources) {
    const Result<ConfigNode> loaded = load_config(sources, environment(), warnings_);
    return loaded ? "" : loaded.error().message;
  }
};

TEST_F(ConfigLoader, TakesTextAndVariablesAndMergesThemInOrder) {
  variables_ = {{"CONFIG", "a: {x: 1, y: [1]}"}};
  const ConfigNode root = load({"env:CONFIG", "yaml:a::y: [2, 3]", "yaml:a::z::deep: 4"});
  EXPECT_EQ(find_path(root, {"a", "x"})->text(), "1");
  EXPECT_EQ(find_path(root, {"a", "y"})->items().size(), 2u);
  EXPECT_EQ(find_path(root, {"a", "z", "deep"})->text(), "4");
  EXPECT_EQ(find_path(root, {"a", "x"})->position().to_string(), "env:CONFIG:1:8");
  EXPECT_EQ(find_path(root, {"a", "z", "deep"})->position().to_string(), "yaml:1:13");
}

TEST_F(ConfigLoader, RefusesSourcesItCannotUse) {
  EXPECT_EQ(error_of({"env:NO"}), "env:NO: the variable is not set");
  EXPECT_THAT(error_of({"https://host/config.yaml"}),
              StartsWith("https://host/config.yaml: the provider \"https\" is not supported"));
  EXPECT_THAT(error_of({"yaml:- a"}), HasSubstr("expected a map"));
  EXPECT_THAT(error_of({"file:/nowhere/a.yaml"}), StartsWith("/nowhere/a.yaml: cannot be read"));
  EXPECT_THAT(error_of({}), HasSubstr("--config FILE"));
}

}  // namespace
}  // namespace kernspan
