#include "pipeline/service/effective_config.h"

#include <utility>

#include "pipeline/service/config_loader.h"
#include "pipeline/service/known_types.h"
#include "pipeline/service/skip_unbuilt.h"
#include "pipeline/service/translations/translations.h"

namespace kernspan {

Result<ConfigNode> load_effective_config(const std::vector<std::string>& sources,
                                         const Environment& environment, const Registry& registry,
                                         ConfigOptions options, ConfigWarnings& warnings) {
  Result<ConfigNode> root = load_config(sources, environment, warnings);
  if (!root) return root;
  const KnownTypes types(registry);
  translate({*root, types, warnings});
  if (options.skip_unbuilt) leave_out_unbuilt(*root, types, warnings);
  return root;
}

Status settle_deviations(ConfigOptions options, ConfigWarnings& warnings) {
  std::string errors;
  for (const ConfigDeviation& deviation : warnings.deviations) {
    if (!options.strict) {
      warnings.messages.push_back(deviation.as_warning());
      continue;
    }
    if (!errors.empty()) errors += '\n';
    errors += deviation.as_error();
  }
  if (errors.empty()) return {};
  return permanent(std::move(errors));
}

}  // namespace kernspan
