#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/service/graph.h"

namespace kernspan {

// Makes the components that are used and connects them, from the exporters back to the receivers.
class GraphBuilder {
 public:
  GraphBuilder(const ServiceSettings& settings, const Registry& registry, GraphContext context);

  Result<std::unique_ptr<Graph>> build();

 private:
  void add_stages();
  Status make_extensions();
  Status make_exporters();
  Status make_pipeline(const PipelineSettings& pipeline);
  Status make_receivers();
  TracesConsumer* join(std::vector<TracesConsumer*> consumers, const std::string& from);
  ComponentContext context_of(const char* section, const ComponentSettings& component,
                              const std::string& pipeline, StageBooks& books);

  const ServiceSettings& settings_;
  const Registry& registry_;
  const GraphContext context_;
  ConfigWarnings warnings_;  // goes nowhere: check_components() has told them already
  std::unique_ptr<Graph> graph_;
  std::map<std::string, StageBooks*> books_;          // by stage name
  std::map<std::string, TracesConsumer*> exporters_;  // by id
  std::map<std::string, TracesConsumer*> heads_;      // of pipelines, by id
};

}  // namespace kernspan
