#include "tools/kernspan/validate/validate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/service/config_printer.h"
#include "pipeline/service/service.h"
#include "tools/kernspan/validate/known_components.h"

namespace kernspan::tools {
namespace {

struct Options {
  std::vector<std::string> sources;
  ConfigOptions config;
  std::string tier;  // empty: any
  bool print = false;
};

// The daemons that would start from what one of a tier does not.
std::vector<std::string> other_daemons(const Options& options) {
  std::vector<std::string> names;
  for (const Tier& tier : tiers()) {
    ConfigWarnings ignored;
    if (tier.name == options.tier || !check_config(options.sources, process_environment(),
                                                   tier.components(), ignored, options.config)) {
      continue;
    }
    names.push_back(fmt::format("kernspan-{}", tier.name));
  }
  return names;
}

int validate(const Options& options) {
  ConfigWarnings warnings;
  const auto tier = std::ranges::find(tiers(), options.tier, &Tier::name);
  const Result<ConfigNode> checked = check_config(
      options.sources, process_environment(),
      tier == tiers().end() ? known_components() : tier->components(), warnings, options.config);
  for (const std::string& message : warnings.messages) fmt::print(stderr, "warning: {}\n", message);
  if (!checked) {
    fmt::print(stderr, "{}\n", checked.error().message);
    if (options.tier.empty()) return 1;
    if (const auto others = other_daemons(options); !others.empty()) {
      fmt::print(stderr, "kernspan-{} would not start from it; {} would\n", options.tier,
                 fmt::join(others, " and "));
    }
    return 1;
  }
  if (options.print) {
    fmt::print("{}", print_config(*checked, warnings.secret_paths));
  } else {
    fmt::print("{}: valid\n", fmt::join(options.sources, " + "));
  }
  return 0;
}

}  // namespace

std::function<int()> declare_validate(CLI::App& app) {
  auto options = std::make_shared<Options>();
  app.add_option("CONFIG", options->sources,
                 "Configurations, merged in this order: files, env:VARIABLE or yaml:TEXT")
      ->required();
  std::vector<std::string> names;
  for (const Tier& tier : tiers()) names.emplace_back(tier.name);
  app.add_option("--tier", options->tier,
                 "Whose daemon it is for: refuse what this one does not have")
      ->check(CLI::IsMember(names));
  app.add_flag("--strict", options->config.strict,
               "Refuse what the OpenTelemetry Collector refuses, even where its meaning is clear");
  app.add_flag("--skip-unbuilt", options->config.skip_unbuilt,
               "Leave out the components that this version does not have");
  app.add_flag("--print", options->print,
               "Print the effective configuration as YAML, secrets masked");
  app.footer("Exit code 0: a daemon would start from it. 1: it would not, and the errors say why.");
  return [options] { return validate(*options); };
}

}  // namespace kernspan::tools
