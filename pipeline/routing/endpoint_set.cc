#include "pipeline/routing/endpoint_set.h"

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan {
namespace {

MetricLabels with(MetricLabels labels, const char* resolver, const char* success = nullptr) {
  labels["resolver"] = resolver;
  if (success != nullptr) labels["success"] = success;
  return labels;
}

}  // namespace

EndpointSet::EndpointSet(const ResolverContext& context, const char* resolver)
    : path_(context.path),
      resolver_(resolver),
      successes_(context.metrics.counter("otelcol_loadbalancer_num_resolutions",
                                         "Answers of the resolver, and failures.",
                                         with(context.labels, resolver, "true"))),
      failures_(context.metrics.counter("otelcol_loadbalancer_num_resolutions",
                                        "Answers of the resolver, and failures.",
                                        with(context.labels, resolver, "false"))),
      updates_(context.metrics.counter("otelcol_loadbalancer_num_backend_updates",
                                       "Answers that were another set of backends.",
                                       with(context.labels, resolver))),
      count_(context.metrics.gauge("otelcol_loadbalancer_num_backends",
                                   "Backends in the resolver's last answer.",
                                   with(context.labels, resolver))) {}

void EndpointSet::resolved(std::vector<std::string> endpoints) {
  successes_.add();
  std::ranges::sort(endpoints);
  const auto repeated = std::ranges::unique(endpoints);
  endpoints.erase(repeated.begin(), repeated.end());
  if (endpoints.size() > kMaxEndpoints) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: the {} resolver has {} endpoints; the first {} are used",
                         path_, resolver_, endpoints.size(), kMaxEndpoints);
    endpoints.resize(kMaxEndpoints);
  }
  if (is_known_ && endpoints == endpoints_) return;
  is_known_ = true;
  updates_.add();
  count_.set(static_cast<double>(endpoints.size()));
  log_info("{}: the {} resolver has {} endpoints, {} before", path_, resolver_, endpoints.size(),
           endpoints_.size());
  endpoints_ = std::move(endpoints);
  on_change_(endpoints_);
}

void EndpointSet::failed(const std::string& message) {
  failures_.add();
  KERNSPAN_LOG_LIMITED(kWarn, "{}: the {} resolver failed, {} endpoints stay: {}", path_, resolver_,
                       endpoints_.size(), message);
}

}  // namespace kernspan
