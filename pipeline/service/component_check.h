#pragma once

#include "pipeline/base/clock.h"
#include "pipeline/component/registry.h"
#include "pipeline/service/settings.h"

namespace kernspan {

// Makes and discards every configured component, used or not, to have each check its settings. The
// error has one line per problem.
[[nodiscard]] Status check_components(const ServiceSettings& settings, const Registry& registry,
                                      const Clock& clock, ConfigWarnings& warnings);

}  // namespace kernspan
