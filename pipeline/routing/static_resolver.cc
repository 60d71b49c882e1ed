#include "pipeline/routing/static_resolver.h"

#include <utility>

namespace kernspan {

StaticResolver::StaticResolver(StaticResolverSettings settings, const ResolverContext& context)
    : settings_(std::move(settings)), endpoints_(context, "static") {}

Status StaticResolver::start(OnChange on_change) {
  endpoints_.on_change(std::move(on_change));
  endpoints_.resolved(settings_.hostnames);
  return {};
}

}  // namespace kernspan
