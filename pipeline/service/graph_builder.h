#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/service/graph.h"

namespace kernspan {

// Makes the components that are used and connects them, from the exporters back to the receivers.
// The settings have passed read_settings(): every reference is good, and no connector leads back to
// its own pipeline.
class GraphBuilder {
 public:
  GraphBuilder(const ServiceSettings& settings, const Registry& registry, GraphContext context);

  Result<std::unique_ptr<Graph>> build();

 private:
  using References = std::vector<ComponentReference> PipelineSettings::*;

  void add_stages();
  void add_stage(const std::string& stage, otlp::Signals signals);
  Status make_extensions();
  Status make_exporters();
  // The head of a pipeline, made together with everything behind it on the first call.
  Result<Consumer*> head_of(const PipelineSettings& pipeline);
  // Puts a tap in front of the pipeline when an extension wants to see its spans.
  Consumer* tapped(const PipelineSettings& pipeline, Consumer* head);
  Result<Consumer*> connector(const std::string& id);
  Status make_receivers();

  // The pipelines whose list names the component, and their signals.
  std::vector<const PipelineSettings*> users_of(const std::string& id, References list) const;
  otlp::Signals signals_of(const std::string& id, References list) const;
  // Stands for the heads of several pipelines: one fan-out per signal, a router in front of two.
  Consumer* join_heads(const std::vector<std::pair<otlp::Signal, Consumer*>>& heads,
                       const std::string& from);
  Consumer* join(std::vector<Consumer*> consumers, const std::string& from);
  ComponentContext context_of(const char* section, const ComponentSettings& component,
                              const std::string& pipeline, otlp::Signals signals,
                              StageBooks& books);

  const ServiceSettings& settings_;
  const Registry& registry_;
  const GraphContext context_;
  ConfigWarnings warnings_;  // goes nowhere: check_components() has told them already
  std::unique_ptr<Graph> graph_;
  std::map<std::string, StageBooks*> books_;     // by stage name
  std::map<std::string, Consumer*> exporters_;   // by id
  std::map<std::string, Consumer*> connectors_;  // by id
  std::map<std::string, Consumer*> heads_;       // of pipelines, by id
};

}  // namespace kernspan
