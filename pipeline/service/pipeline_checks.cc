#include "pipeline/service/pipeline_checks.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan {
namespace {

const ComponentSettings* find_component(const std::vector<ComponentSettings>& components,
                                        std::string_view id) {
  const auto found = std::ranges::find(components, id, &ComponentSettings::id);
  return found == components.end() ? nullptr : &*found;
}

bool names(const std::vector<ComponentReference>& references, std::string_view id) {
  return std::ranges::find(references, id, &ComponentReference::id) != references.end();
}

class PipelineChecks {
 public:
  PipelineChecks(const ServiceSettings& settings, const Registry& registry, ConfigReader& reader)
      : settings_(settings), registry_(registry), reader_(reader) {}

  void run() {
    for (const ComponentSettings& connector : settings_.connectors) {
      refuse_ambiguous(connector, settings_.receivers, "receiver");
      refuse_ambiguous(connector, settings_.exporters, "exporter");
      check_uses(connector);
    }
    for (const PipelineSettings& pipeline : settings_.pipelines) {
      check_signal(pipeline, "receiver", pipeline.receivers, settings_.receivers,
                   registry_.receivers);
      check_signal(pipeline, "processor", pipeline.processors, settings_.processors,
                   registry_.processors);
      check_signal(pipeline, "exporter", pipeline.exporters, settings_.exporters,
                   registry_.exporters);
    }
    for (const PipelineSettings& pipeline : settings_.pipelines) {
      std::vector<std::string> way;
      if (!finished_.contains(pipeline.id) && runs_in_a_circle(pipeline, way)) return;
    }
  }

 private:
  void refuse_ambiguous(const ComponentSettings& connector,
                        const std::vector<ComponentSettings>& others, const char* kind) {
    if (find_component(others, connector.id) == nullptr) return;
    reader_.add_problem(connector.position,
                        fmt::format("connectors::{0}: ambiguous ID: Found both \"{0}\" {1} and "
                                    "\"{0}\" connector; rename one of them, for example {0}/2",
                                    connector.id, kind));
  }

  template <typename Factory>
  void check_signal(const PipelineSettings& pipeline, const char* kind,
                    const std::vector<ComponentReference>& references,
                    const std::vector<ComponentSettings>& components,
                    const std::vector<Factory>& table) {
    for (const auto& [id, position] : references) {
      const Factory& factory = *find_factory(table, find_component(components, id)->type);
      if (factory.signals.contains(pipeline.signal)) continue;
      reader_.add_problem(
          position, fmt::format("service::pipelines::{}: {} \"{}\": telemetry type is not "
                                "supported: it does not take {}; remove it from this pipeline",
                                pipeline.id, kind, id, otlp::name_of(pipeline.signal)));
    }
  }

  // Each use of a connector as an exporter needs one as a receiver that its conversions reach, and
  // the reverse.
  void check_uses(const ComponentSettings& connector) {
    const ConnectorFactory& factory = *find_factory(registry_.connectors, connector.type);
    for (const PipelineSettings& from : settings_.pipelines) {
      if (!names(from.connectors_out, connector.id)) continue;
      const bool is_received = std::ranges::any_of(settings_.pipelines, [&](const auto& to) {
        return names(to.connectors_in, connector.id) && converts(factory, from.signal, to.signal);
      });
      if (!is_received) report_half_used(connector, from, "exporter", "receiver", "receivers");
    }
    for (const PipelineSettings& to : settings_.pipelines) {
      if (!names(to.connectors_in, connector.id)) continue;
      const bool is_fed = std::ranges::any_of(settings_.pipelines, [&](const auto& from) {
        return names(from.connectors_out, connector.id) &&
               converts(factory, from.signal, to.signal);
      });
      if (!is_fed) report_half_used(connector, to, "receiver", "exporter", "exporters");
    }
  }

  static bool converts(const ConnectorFactory& factory, otlp::Signal from, otlp::Signal to) {
    return std::ranges::any_of(factory.conversions, [&](const ConnectorFactory::Conversion& row) {
      return row.from == from && row.to == to;
    });
  }

  void report_half_used(const ComponentSettings& connector, const PipelineSettings& pipeline,
                        const char* used_as, const char* missing_as, const char* list) {
    reader_.add_problem(
        connector.position,
        fmt::format("connectors::{0}: connector \"{0}\" used as {1} in [{2}] pipeline but not used "
                    "in any supported {3} pipeline; add it to the {4} of one",
                    connector.id, used_as, pipeline.id, missing_as, list));
  }

  // Follows the connectors from a pipeline on. `way`: the pipelines that led here.
  bool runs_in_a_circle(const PipelineSettings& pipeline, std::vector<std::string>& way) {
    if (std::ranges::find(way, pipeline.id) != way.end()) {
      way.push_back(pipeline.id);
      reader_.add_problem(pipeline.position,
                          fmt::format("service::pipelines::{}: cycle detected: {}; take one "
                                      "connector out of the circle",
                                      pipeline.id, fmt::join(way, " -> ")));
      return true;
    }
    if (finished_.contains(pipeline.id)) return false;
    way.push_back(pipeline.id);
    for (const auto& [id, position] : pipeline.connectors_out) {
      for (const PipelineSettings& next : settings_.pipelines) {
        if (names(next.connectors_in, id) && runs_in_a_circle(next, way)) return true;
      }
    }
    way.pop_back();
    finished_.insert(pipeline.id);
    return false;
  }

  const ServiceSettings& settings_;
  const Registry& registry_;
  ConfigReader& reader_;
  std::set<std::string> finished_;  // pipelines from which no circle can be reached
};

}  // namespace

void check_pipelines(const ServiceSettings& settings, const Registry& registry,
                     ConfigReader& reader) {
  PipelineChecks(settings, registry, reader).run();
}

}  // namespace kernspan
