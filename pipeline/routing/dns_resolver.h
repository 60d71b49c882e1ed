#pragma once

#include <thread>

#include "pipeline/routing/endpoint_set.h"
#include "pipeline/routing/resolver.h"

namespace kernspan {

// Asks for the addresses of a name again and again, on a thread of its own.
class DnsResolver final : public Resolver {
 public:
  DnsResolver(DnsResolverSettings settings, const ResolverContext& context);
  ~DnsResolver() override;

  Status start(OnChange on_change) override;
  void stop() override;

 private:
  void run();
  void resolve();

  const DnsResolverSettings settings_;
  EndpointSet endpoints_;
  int stop_fd_ = -1;  // an eventfd; readable from stop() on
  std::thread thread_;
};

}  // namespace kernspan
