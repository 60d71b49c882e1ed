// From what --config names to the tree that everything else reads: sources merged, references
// expanded, translations made.
#pragma once

#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"
#include "pipeline/component/config_yaml.h"
#include "pipeline/component/registry.h"

namespace kernspan {

struct ConfigOptions {
  bool strict = false;        // what the collector refuses is an error, however clear its meaning
  bool skip_unbuilt = false;  // run without the components that this version does not have
};

// The error has one line per problem. Deviations stay in `warnings`: settle_deviations() says what
// becomes of them, when the components have added theirs.
Result<ConfigNode> load_effective_config(const std::vector<std::string>& sources,
                                         const Environment& environment, const Registry& registry,
                                         ConfigOptions options, ConfigWarnings& warnings);

// Makes warnings of the deviations; in strict mode an error with one line for each.
[[nodiscard]] Status settle_deviations(ConfigOptions options, ConfigWarnings& warnings);

}  // namespace kernspan
