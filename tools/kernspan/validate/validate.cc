#include "tools/kernspan/validate/validate.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
  bool print = false;
};

int validate(const Options& options) {
  ConfigWarnings warnings;
  const Result<ConfigNode> checked = check_config(options.sources, process_environment(),
                                                  known_components(), warnings, options.config);
  for (const std::string& message : warnings.messages) fmt::print(stderr, "warning: {}\n", message);
  if (!checked) {
    fmt::print(stderr, "{}\n", checked.error().message);
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
