#pragma once

#include <string>
#include <vector>

#include "pipeline/base/metrics.h"
#include "pipeline/routing/resolver.h"

namespace kernspan {

// What all resolvers do with an answer: counts it, and tells of changes. One thread at a time.
class EndpointSet {
 public:
  // `resolver` is the value of that label: "dns".
  EndpointSet(const ResolverContext& context, const char* resolver);

  void on_change(Resolver::OnChange on_change) { on_change_ = std::move(on_change); }

  // A resolution that worked: in any order, and with repetitions.
  void resolved(std::vector<std::string> endpoints);
  // One that failed: the set stays as it is.
  void failed(const std::string& message);

 private:
  const std::string path_;
  const std::string resolver_;
  Counter& successes_;
  Counter& failures_;
  Counter& updates_;
  Gauge& count_;
  Resolver::OnChange on_change_;
  bool is_known_ = false;  // there was an answer
  std::vector<std::string> endpoints_;
};

}  // namespace kernspan
