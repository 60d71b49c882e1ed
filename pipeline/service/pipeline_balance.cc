#include "pipeline/service/pipeline_balance.h"

#include <algorithm>
#include <cstdlib>

#include "pipeline/base/log.h"
#include "pipeline/component/stage_names.h"

namespace kernspan {
namespace {

using References = std::vector<ComponentReference>;

bool is_in_one_pipeline(const ServiceSettings& settings, const std::string& id,
                        References PipelineSettings::* list) {
  return std::ranges::count_if(settings.pipelines, [&](const PipelineSettings& pipeline) {
           return std::ranges::find(pipeline.*list, id, &ComponentReference::id) !=
                  (pipeline.*list).end();
         }) == 1;
}

struct Side {
  std::vector<std::string> stages;
  bool is_exclusive = true;  // every one of them is in this pipeline alone
};

void add(Side& side, const ServiceSettings& settings, const PipelineSettings& pipeline,
         const char* section, References PipelineSettings::* list) {
  for (const ComponentReference& reference : pipeline.*list) {
    side.stages.push_back(stage_of(section, reference.id));
    side.is_exclusive = side.is_exclusive && is_in_one_pipeline(settings, reference.id, list);
  }
}

std::uint64_t distance(std::uint64_t one, std::uint64_t other) {
  return one > other ? one - other : other - one;
}

}  // namespace

PipelineBalances::PipelineBalances(const ServiceSettings& settings, const Ledger& ledger)
    : ledger_(ledger) {
  for (const PipelineSettings& pipeline : settings.pipelines) {
    pipelines_.push_back(describe(settings, pipeline));
  }
}

PipelineBalances::Pipeline PipelineBalances::describe(const ServiceSettings& settings,
                                                      const PipelineSettings& pipeline) const {
  Pipeline described;
  described.id = pipeline.id;
  // A connector's output is not what it took, so that its books say nothing about the next hop.
  Side begin;
  add(begin, settings, pipeline, "receivers", &PipelineSettings::receivers);
  begin.is_exclusive = begin.is_exclusive && pipeline.connectors_in.empty();
  Side end;
  add(end, settings, pipeline, "exporters", &PipelineSettings::exporters);
  add(end, settings, pipeline, "connectors", &PipelineSettings::connectors_out);

  std::vector<std::string> chain;
  for (const ComponentReference& reference : pipeline.processors) {
    chain.push_back(stage_of("processors", reference.id, pipeline.id));
  }
  for (std::size_t i = 1; i < chain.size(); ++i) {
    described.hops.push_back({{chain[i - 1]}, {chain[i]}});
  }
  if (chain.empty()) {
    if (begin.is_exclusive && end.is_exclusive)
      described.hops.push_back({begin.stages, end.stages});
  } else {
    if (begin.is_exclusive) described.hops.push_back({begin.stages, {chain.front()}});
    if (end.is_exclusive) described.hops.push_back({{chain.back()}, end.stages});
  }
  described.stages = chain;
  described.stages.insert(described.stages.end(), begin.stages.begin(), begin.stages.end());
  described.stages.insert(described.stages.end(), end.stages.begin(), end.stages.end());
  return described;
}

std::map<std::string, StageBalance> PipelineBalances::stages() const {
  std::map<std::string, StageBalance> stages;
  for (StageBalance& balance : ledger_.balances()) {
    std::string name = balance.stage;
    stages.emplace(std::move(name), std::move(balance));
  }
  return stages;
}

PipelineBalances::Balance PipelineBalances::balance_of(
    const Pipeline& pipeline, const std::map<std::string, StageBalance>& stages) {
  Balance result{.pipeline = pipeline.id};
  for (const std::string& name : pipeline.stages) {
    const auto found = stages.find(name);
    if (found == stages.end()) continue;
    const StageBalance& stage = found->second;
    result.difference += static_cast<std::uint64_t>(std::llabs(stage.difference()));
    result.moved += stage.taken + stage.passed_on + stage.dropped_total() + stage.held;
  }
  for (const Hop& hop : pipeline.hops) {
    std::uint64_t handed_on = 0;
    for (const std::string& name : hop.from) {
      const auto found = stages.find(name);
      if (found != stages.end()) handed_on += found->second.passed_on;
    }
    for (const std::string& name : hop.to) {
      const auto found = stages.find(name);
      if (found == stages.end()) continue;
      const std::uint64_t taken = found->second.taken;
      if (hop.to.size() == 1 || taken < handed_on) result.difference += distance(taken, handed_on);
    }
  }
  return result;
}

std::vector<PipelineBalances::Balance> PipelineBalances::balances() const {
  const std::map<std::string, StageBalance> all = stages();
  std::vector<Balance> result;
  for (const Pipeline& pipeline : pipelines_) result.push_back(balance_of(pipeline, all));
  return result;
}

void PipelineBalances::collect(std::vector<MetricFamily>& families) {
  MetricFamily family{.name = "kernspan_pipeline_balance_difference",
                      .help =
                          "Items by which the books of a pipeline's components disagree: 0 at "
                          "rest.",
                      .type = MetricType::kGauge,
                      .samples = {}};
  const std::map<std::string, StageBalance> all = stages();
  for (Pipeline& pipeline : pipelines_) {
    const Balance balance = balance_of(pipeline, all);
    family.samples.push_back(
        {{{"pipeline", pipeline.id}}, static_cast<double>(balance.difference)});
    if (balance.difference != 0 && balance.moved == pipeline.last_moved) {
      KERNSPAN_LOG_LIMITED(kWarn, "pipeline {}: at rest, and the books are off by {} items",
                           pipeline.id, balance.difference);
    }
    pipeline.last_moved = balance.moved;
  }
  families.push_back(std::move(family));
}

void PipelineBalances::report_at_rest() const {
  for (const Balance& balance : balances()) {
    if (balance.difference == 0) continue;
    log_warn("pipeline {}: stopped, and the books are off by {} items", balance.pipeline,
             balance.difference);
  }
}

}  // namespace kernspan
