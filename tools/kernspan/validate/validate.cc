#include "tools/kernspan/validate/validate.h"

#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/service/service.h"
#include "tools/kernspan/validate/known_components.h"

namespace kernspan::tools {
namespace {

int validate(const std::vector<std::string>& files) {
  ConfigWarnings warnings;
  const Status checked = check_config(files, process_environment(), known_components(), warnings);
  for (const std::string& message : warnings.messages) fmt::print(stderr, "warning: {}\n", message);
  if (!checked) {
    fmt::print(stderr, "{}\n", checked.error().message);
    return 1;
  }
  fmt::print("{}: valid\n", fmt::join(files, " + "));
  return 0;
}

}  // namespace

std::function<int()> declare_validate(CLI::App& app) {
  auto files = std::make_shared<std::vector<std::string>>();
  app.add_option("CONFIG", *files, "Configuration files, merged in this order")->required();
  return [files] { return validate(*files); };
}

}  // namespace kernspan::tools
