#include "pipeline/service/graph_builder.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <utility>

#include "pipeline/component/stage_names.h"
#include "pipeline/service/fan_out.h"
#include "pipeline/service/signal_router.h"

namespace kernspan {
namespace {

const ComponentSettings& settings_of(const std::vector<ComponentSettings>& components,
                                     const std::string& id) {
  return *std::ranges::find(components, id, &ComponentSettings::id);
}

// What the books of a stage count.
std::string unit_of(otlp::Signals signals) {
  if (signals == kTracesOnly) return "spans";
  if (signals == kMetricsOnly) return "metric points";
  return "items";
}

}  // namespace

GraphBuilder::GraphBuilder(const ServiceSettings& settings, const Registry& registry,
                           GraphContext context)
    : settings_(settings), registry_(registry), context_(context), graph_(new Graph) {}

Result<std::unique_ptr<Graph>> GraphBuilder::build() {
  add_stages();
  graph_->description_ = std::make_unique<ServiceDescription>(settings_, context_.ledger);
  if (Status made = make_extensions(); !made) return std::unexpected(made.error());
  if (Status made = make_exporters(); !made) return std::unexpected(made.error());
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    if (const auto head = head_of(pipeline); !head) return std::unexpected(head.error());
  }
  if (Status made = make_receivers(); !made) return std::unexpected(made.error());
  return std::move(graph_);
}

// The ledger lists stages in the order of the flow; components are made in the opposite one.
void GraphBuilder::add_stages() {
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    for (const auto& [id, position] : pipeline.receivers) {
      add_stage(stage_of("receivers", id), signals_of(id, &PipelineSettings::receivers));
    }
  }
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    for (const auto& [id, position] : pipeline.processors) {
      add_stage(stage_of("processors", id, pipeline.id), {pipeline.signal});
    }
    for (const auto& [id, position] : pipeline.connectors_out) {
      add_stage(stage_of("connectors", id), signals_of(id, &PipelineSettings::connectors_out));
    }
  }
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    for (const auto& [id, position] : pipeline.exporters) {
      add_stage(stage_of("exporters", id), signals_of(id, &PipelineSettings::exporters));
    }
  }
}

void GraphBuilder::add_stage(const std::string& stage, otlp::Signals signals) {
  if (books_.contains(stage)) return;
  books_.emplace(stage, &context_.ledger.add_stage(stage, unit_of(signals)));
}

std::vector<const PipelineSettings*> GraphBuilder::users_of(const std::string& id,
                                                            References list) const {
  std::vector<const PipelineSettings*> users;
  for (const PipelineSettings& pipeline : settings_.pipelines) {
    const std::vector<ComponentReference>& references = pipeline.*list;
    if (std::ranges::find(references, id, &ComponentReference::id) != references.end()) {
      users.push_back(&pipeline);
    }
  }
  return users;
}

otlp::Signals GraphBuilder::signals_of(const std::string& id, References list) const {
  otlp::Signals signals;
  for (const PipelineSettings* pipeline : users_of(id, list)) signals.add(pipeline->signal);
  return signals;
}

ComponentContext GraphBuilder::context_of(const char* section, const ComponentSettings& component,
                                          const std::string& pipeline, otlp::Signals signals,
                                          StageBooks& books) {
  return {.id = component.id,
          .path = fmt::format("{}::{}", section, component.id),
          .pipeline = pipeline,
          .signals = signals,
          .extensions = graph_->extensions_by_id_,
          .metrics = context_.metrics,
          .ledger = context_.ledger,
          .books = books,
          .clock = context_.clock,
          .warnings = warnings_,
          .span_questions = &graph_->span_questions_};
}

Status GraphBuilder::make_extensions() {
  for (const ComponentReference& reference : settings_.used_extensions) {
    const ComponentSettings& component = settings_of(settings_.extensions, reference.id);
    const ComponentContext context = context_of("extensions", component, "", {}, graph_->no_books_);
    auto made = find_factory(registry_.extensions, component.type)->create(component.node, context);
    if (!made) return std::unexpected(made.error());
    graph_->extension_views_.push_back(made->get());
    graph_->extensions_by_id_.add(component.id, **made);
    graph_->extensions_.push_back({context.path, *std::move(made)});
  }
  return {};
}

Status GraphBuilder::make_exporters() {
  for (const ComponentSettings& component : settings_.exporters) {
    const otlp::Signals signals = signals_of(component.id, &PipelineSettings::exporters);
    if (signals.empty()) continue;
    const ComponentContext context = context_of("exporters", component, "", signals,
                                                *books_.at(stage_of("exporters", component.id)));
    auto made = find_factory(registry_.exporters, component.type)->create(component.node, context);
    if (!made) return std::unexpected(made.error());
    exporters_.emplace(component.id, made->get());
    graph_->exporters_.push_back({context.path, *std::move(made)});
  }
  return {};
}

Result<Consumer*> GraphBuilder::head_of(const PipelineSettings& pipeline) {
  if (const auto made = heads_.find(pipeline.id); made != heads_.end()) return made->second;
  std::vector<Consumer*> ends;
  for (const auto& [id, position] : pipeline.exporters) ends.push_back(exporters_.at(id));
  for (const auto& [id, position] : pipeline.connectors_out) {
    const Result<Consumer*> made = connector(id);
    if (!made) return made;
    ends.push_back(*made);
  }
  Consumer* next = join(std::move(ends), "pipeline " + pipeline.id);
  for (const ComponentReference& reference : std::views::reverse(pipeline.processors)) {
    const ComponentSettings& component = settings_of(settings_.processors, reference.id);
    const ComponentContext context =
        context_of("processors", component, pipeline.id, {pipeline.signal},
                   *books_.at(stage_of("processors", component.id, pipeline.id)));
    auto made =
        find_factory(registry_.processors, component.type)->create(component.node, context, *next);
    if (!made) return std::unexpected(made.error());
    next = made->get();
    graph_->processors_.push_back({context.path, *std::move(made)});
  }
  next = tapped(pipeline, next);
  heads_.emplace(pipeline.id, next);
  graph_->description_->add_head(pipeline, *next);
  return next;
}

Consumer* GraphBuilder::tapped(const PipelineSettings& pipeline, Consumer* head) {
  const bool is_observed =
      std::ranges::any_of(graph_->extension_views_, [](const Extension* extension) {
        const auto* observer = dynamic_cast<const ServiceObserver*>(extension);
        return observer != nullptr && observer->wants_samples();
      });
  if (!is_observed || pipeline.signal != otlp::Signal::kTraces) return head;
  auto tap = std::make_unique<SpanTap>(*head, context_.clock);
  graph_->description_->add_tap(pipeline.id, *tap);
  graph_->joints_.push_back(std::move(tap));
  return graph_->joints_.back().get();
}

Result<Consumer*> GraphBuilder::connector(const std::string& id) {
  if (const auto made = connectors_.find(id); made != connectors_.end()) return made->second;
  std::vector<std::pair<otlp::Signal, Consumer*>> heads;
  std::map<std::string, Consumer*> by_pipeline;
  for (const PipelineSettings* pipeline : users_of(id, &PipelineSettings::connectors_in)) {
    const Result<Consumer*> head = head_of(*pipeline);
    if (!head) return head;
    heads.emplace_back(pipeline->signal, *head);
    by_pipeline.emplace(pipeline->id, *head);
  }
  const std::string stage = stage_of("connectors", id);
  const ComponentSettings& component = settings_of(settings_.connectors, id);
  const ComponentContext context =
      context_of("connectors", component, "", signals_of(id, &PipelineSettings::connectors_out),
                 *books_.at(stage));
  auto made =
      find_factory(registry_.connectors, component.type)
          ->create(component.node, context, {*join_heads(heads, stage), std::move(by_pipeline)});
  if (!made) return std::unexpected(made.error());
  Consumer* consumer = made->get();
  connectors_.emplace(id, consumer);
  graph_->processors_.push_back({context.path, *std::move(made)});
  return consumer;
}

Status GraphBuilder::make_receivers() {
  for (const ComponentSettings& component : settings_.receivers) {
    std::vector<std::pair<otlp::Signal, Consumer*>> heads;
    for (const PipelineSettings* pipeline : users_of(component.id, &PipelineSettings::receivers)) {
      heads.emplace_back(pipeline->signal, heads_.at(pipeline->id));
    }
    if (heads.empty()) continue;
    const std::string stage = stage_of("receivers", component.id);
    const ComponentContext context =
        context_of("receivers", component, "",
                   signals_of(component.id, &PipelineSettings::receivers), *books_.at(stage));
    auto made = find_factory(registry_.receivers, component.type)
                    ->create(component.node, context, *join_heads(heads, stage));
    if (!made) return std::unexpected(made.error());
    graph_->receivers_.push_back({context.path, *std::move(made)});
  }
  return {};
}

Consumer* GraphBuilder::join_heads(const std::vector<std::pair<otlp::Signal, Consumer*>>& heads,
                                   const std::string& from) {
  std::map<otlp::Signal, std::vector<Consumer*>> by_signal;
  for (const auto& [signal, head] : heads) by_signal[signal].push_back(head);
  std::vector<Consumer*> joined;
  joined.reserve(by_signal.size());
  for (auto& [signal, consumers] : by_signal) {
    joined.push_back(
        join(std::move(consumers), fmt::format("{} ({})", from, otlp::name_of(signal))));
  }
  if (joined.size() == 1) return joined.front();
  graph_->joints_.push_back(std::make_unique<SignalRouter>(*joined.front(), *joined.back()));
  return graph_->joints_.back().get();
}

Consumer* GraphBuilder::join(std::vector<Consumer*> consumers, const std::string& from) {
  if (consumers.size() == 1) return consumers.front();
  Counter& partly_refused = context_.metrics.counter(
      "kernspan_fan_out_partly_refused_batches",
      "Batches that some of several consumers took and others did not.", {{"from", from}});
  graph_->joints_.push_back(std::make_unique<FanOut>(std::move(consumers), partly_refused));
  return graph_->joints_.back().get();
}

}  // namespace kernspan
