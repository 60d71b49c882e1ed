#include "pipeline/service/graph_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>
#include <utility>

#include "pipeline/service/fan_out.h"

namespace kernspan {
namespace {

const ComponentSettings& settings_of(const std::vector<ComponentSettings>& components,
                                     const std::string& id) {
  return *std::ranges::find(components, id, &ComponentSettings::id);
}

// A processor exists once per pipeline, so its stage carries the pipeline's name.
std::string stage_of(const char* section, const std::string& id, const std::string& pipeline = "") {
  if (pipeline.empty()) return fmt::format("{}/{}", section, id);
  return fmt::format("{}/{} ({})", section, id, pipeline);
}

std::set<std::string> used_ids(const ServiceSettings& settings,
                               std::vector<ComponentReference> PipelineSettings::* list) {
  std::set<std::string> ids;
  for (const PipelineSettings& pipeline : settings.pipelines) {
    for (const ComponentReference& reference : pipeline.*list) ids.insert(reference.id);
  }
  return ids;
}

}  // namespace

GraphBuilder::GraphBuilder(const ServiceSettings& settings, const Registry& registry,
                           GraphContext context)
    : settings_(settings), registry_(registry), context_(context), graph_(new Graph) {}

Result<std::unique_ptr<Graph>> GraphBuilder::build() {
  add_stages();
  if (Status made = make_extensions(); !made) return std::unexpected(made.error());
  if (Status made = make_exporters(); !made) return std::unexpected(made.error());
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    if (Status made = make_pipeline(pipeline); !made) return std::unexpected(made.error());
  }
  if (Status made = make_receivers(); !made) return std::unexpected(made.error());
  return std::move(graph_);
}

// The ledger lists stages in the order of the flow; components are made in the opposite one.
void GraphBuilder::add_stages() {
  const auto add = [this](const std::string& stage) {
    if (!books_.contains(stage)) books_.emplace(stage, &context_.ledger.add_stage(stage));
  };
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    for (const auto& [id, position] : pipeline.receivers) add(stage_of("receivers", id));
  }
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    for (const auto& [id, position] : pipeline.processors) {
      add(stage_of("processors", id, pipeline.id));
    }
  }
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    for (const auto& [id, position] : pipeline.exporters) add(stage_of("exporters", id));
  }
}

ComponentContext GraphBuilder::context_of(const char* section, const ComponentSettings& component,
                                          const std::string& pipeline, StageBooks& books) {
  return {.id = component.id,
          .path = fmt::format("{}::{}", section, component.id),
          .pipeline = pipeline,
          .metrics = context_.metrics,
          .ledger = context_.ledger,
          .books = books,
          .clock = context_.clock,
          .warnings = warnings_};
}

Status GraphBuilder::make_extensions() {
  for (const ComponentReference& reference : settings_.used_extensions) {
    const ComponentSettings& component = settings_of(settings_.extensions, reference.id);
    const ComponentContext context = context_of("extensions", component, "", graph_->no_books_);
    auto made = find_factory(registry_.extensions, component.type)->create(component.node, context);
    if (!made) return std::unexpected(made.error());
    graph_->extension_views_.push_back(made->get());
    graph_->extensions_.push_back({context.path, *std::move(made)});
  }
  return {};
}

Status GraphBuilder::make_exporters() {
  const std::set<std::string> used = used_ids(settings_, &PipelineSettings::exporters);
  for (const ComponentSettings& component : settings_.exporters) {
    if (!used.contains(component.id)) continue;
    const ComponentContext context =
        context_of("exporters", component, "", *books_.at(stage_of("exporters", component.id)));
    auto made = find_factory(registry_.exporters, component.type)->create(component.node, context);
    if (!made) return std::unexpected(made.error());
    exporters_.emplace(component.id, made->get());
    graph_->exporters_.push_back({context.path, *std::move(made)});
  }
  return {};
}

Status GraphBuilder::make_pipeline(const PipelineSettings& pipeline) {
  std::vector<TracesConsumer*> exporters;
  exporters.reserve(pipeline.exporters.size());
  for (const ComponentReference& reference : pipeline.exporters) {
    exporters.push_back(exporters_.at(reference.id));
  }
  TracesConsumer* next = join(std::move(exporters), "pipeline " + pipeline.id);
  for (const ComponentReference& reference : std::views::reverse(pipeline.processors)) {
    const ComponentSettings& component = settings_of(settings_.processors, reference.id);
    const ComponentContext context =
        context_of("processors", component, pipeline.id,
                   *books_.at(stage_of("processors", component.id, pipeline.id)));
    auto made =
        find_factory(registry_.processors, component.type)->create(component.node, context, *next);
    if (!made) return std::unexpected(made.error());
    next = made->get();
    graph_->processors_.push_back({context.path, *std::move(made)});
  }
  heads_.emplace(pipeline.id, next);
  return {};
}

Status GraphBuilder::make_receivers() {
  for (const ComponentSettings& component : settings_.receivers) {
    std::vector<TracesConsumer*> heads;
    for (const PipelineSettings& pipeline : settings_.pipelines) {
      const bool feeds = std::ranges::find(pipeline.receivers, component.id,
                                           &ComponentReference::id) != pipeline.receivers.end();
      if (feeds) heads.push_back(heads_.at(pipeline.id));
    }
    if (heads.empty()) continue;
    const std::string stage = stage_of("receivers", component.id);
    const ComponentContext context = context_of("receivers", component, "", *books_.at(stage));
    auto made = find_factory(registry_.receivers, component.type)
                    ->create(component.node, context, *join(std::move(heads), stage));
    if (!made) return std::unexpected(made.error());
    graph_->receivers_.push_back({context.path, *std::move(made)});
  }
  return {};
}

TracesConsumer* GraphBuilder::join(std::vector<TracesConsumer*> consumers,
                                   const std::string& from) {
  if (consumers.size() == 1) return consumers.front();
  Counter& partly_refused = context_.metrics.counter(
      "kernspan_fan_out_partly_refused_batches",
      "Batches that some of several consumers took and others did not.", {{"from", from}});
  graph_->fan_outs_.push_back(std::make_unique<FanOut>(std::move(consumers), partly_refused));
  return graph_->fan_outs_.back().get();
}

}  // namespace kernspan
