#include "pipeline/routing/resolver.h"

#include "pipeline/routing/dns_resolver.h"
#include "pipeline/routing/k8s_resolver.h"
#include "pipeline/routing/static_resolver.h"

namespace kernspan {

std::unique_ptr<Resolver> make_resolver(const ResolverSettings& settings,
                                        const ResolverContext& context) {
  switch (settings.kind) {
    case ResolverSettings::Kind::kDns:
      return std::make_unique<DnsResolver>(settings.dns, context);
    case ResolverSettings::Kind::kK8s:
      return std::make_unique<K8sResolver>(settings.k8s, context);
    case ResolverSettings::Kind::kStatic:
    case ResolverSettings::Kind::kNone:
      break;
  }
  return std::make_unique<StaticResolver>(settings.fixed, context);
}

}  // namespace kernspan
