#pragma once

#include "pipeline/routing/endpoint_set.h"
#include "pipeline/routing/resolver.h"

namespace kernspan {

// Answers once, from within start().
class StaticResolver final : public Resolver {
 public:
  StaticResolver(StaticResolverSettings settings, const ResolverContext& context);

  Status start(OnChange on_change) override;
  void stop() override {}

 private:
  const StaticResolverSettings settings_;
  EndpointSet endpoints_;
};

}  // namespace kernspan
