#pragma once

#include <map>
#include <string>
#include <vector>

#include "pipeline/component/consumer.h"
#include "pipeline/component/service_view.h"
#include "pipeline/service/settings.h"
#include "pipeline/service/span_tap.h"

namespace kernspan {

// The service as its extensions see it. Immutable once the graph is built.
class ServiceDescription final : public ServiceView {
 public:
  // The ledger outlives this object.
  ServiceDescription(const ServiceSettings& settings, const Ledger& ledger);

  // The tap outlives this object's use.
  void add_tap(const std::string& pipeline, const SpanTap& tap) { taps_.emplace(pipeline, &tap); }

  // The first consumer of a pipeline; outlives this object's use.
  void add_head(const PipelineSettings& pipeline, Consumer& head) {
    heads_.push_back({pipeline.id, pipeline.signal, &head});
  }

  const std::vector<Pipeline>& pipelines() const override { return pipelines_; }
  const std::vector<std::string>& extensions() const override { return extensions_; }
  const Ledger& ledger() const override { return ledger_; }
  Samples samples(std::string_view pipeline) const override;
  Status readiness() const override;

 private:
  struct Head {
    std::string pipeline;
    otlp::Signal signal;
    Consumer* consumer;
  };

  const Ledger& ledger_;
  std::vector<Pipeline> pipelines_;
  std::vector<std::string> extensions_;
  std::map<std::string, const SpanTap*, std::less<>> taps_;
  std::vector<Head> heads_;
};

}  // namespace kernspan
