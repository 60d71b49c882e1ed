#include "pipeline/service/service_description.h"

#include <fmt/format.h>

namespace kernspan {
namespace {

void add_ids(std::vector<std::string>& ids, const std::vector<ComponentReference>& references) {
  for (const ComponentReference& reference : references) ids.push_back(reference.id);
}

}  // namespace

ServiceDescription::ServiceDescription(const ServiceSettings& settings, const Ledger& ledger)
    : ledger_(ledger) {
  for (const PipelineSettings& pipeline : settings.pipelines) {
    Pipeline described{.id = pipeline.id, .receivers = {}, .processors = {}, .exporters = {}};
    add_ids(described.receivers, pipeline.receivers);
    add_ids(described.receivers, pipeline.connectors_in);
    add_ids(described.processors, pipeline.processors);
    add_ids(described.exporters, pipeline.exporters);
    add_ids(described.exporters, pipeline.connectors_out);
    pipelines_.push_back(std::move(described));
  }
  add_ids(extensions_, settings.used_extensions);
}

ServiceView::Samples ServiceDescription::samples(std::string_view pipeline) const {
  const auto found = taps_.find(pipeline);
  return found == taps_.end() ? Samples() : found->second->samples();
}

Status ServiceDescription::readiness() const {
  constexpr std::size_t kSmallRequest = 1;
  for (const Head& head : heads_) {
    if (const Status admitted = head.consumer->admit(head.signal, kSmallRequest); !admitted) {
      return retryable(
          fmt::format("pipeline {} refuses: {}", head.pipeline, admitted.error().message));
    }
  }
  return {};
}

}  // namespace kernspan
