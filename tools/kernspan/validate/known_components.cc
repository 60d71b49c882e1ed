#include "tools/kernspan/validate/known_components.h"

#include "agent/components.h"
#include "federation/components.h"
#include "gateway/components.h"

namespace kernspan::tools {

// A tier's table of components is a row here.
Registry known_components() {
  Registry all;
  for (const auto& tier : {agent_components, gateway_components, federation_components})
    all.add(tier());
  return all;
}

}  // namespace kernspan::tools
