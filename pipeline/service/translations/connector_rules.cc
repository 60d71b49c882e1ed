#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/service/config_view.h"
#include "pipeline/service/translations/translations.h"

namespace kernspan {
namespace {

ConfigNode word(const ConfigPosition& position, const std::string& text) {
  return ConfigNode::scalar(position, text, text, true);
}

ConfigNode list_of(const ConfigPosition& position, const std::vector<std::string>& texts) {
  ConfigNode list = ConfigNode::list(position, {});
  for (const std::string& text : texts) list.append(word(position, text));
  return list;
}

// The scalars of a list, or of a single value.
std::vector<std::string> words_of(const ConfigNode* node) {
  if (node == nullptr) return {};
  if (node->is_scalar()) return {node->text()};
  std::vector<std::string> words;
  for (const IdView& item : ids_of(node)) words.push_back(item.id);
  return words;
}

}  // namespace

// The span metrics processor was removed in v0.96; many a configuration still has its block beside
// the connector's.
void drop_processors_that_became_connectors(Rewriting& rewriting, std::string_view id) {
  for (const ComponentView& processor : components_of(rewriting.root, "processors")) {
    const std::string type(current_type("connectors", processor.type));
    if (rewriting.types.knows("processors", processor.type) ||
        !rewriting.types.knows("connectors", type)) {
      continue;
    }
    const auto pipelines = pipelines_of(rewriting.root);
    if (std::ranges::any_of(pipelines,
                            [&](const auto& each) { return each.processes(processor.id); }))
      continue;
    rewriting.warnings.deviations.push_back(
        {id, processor.position,
         fmt::format(
             "processors: unknown type: \"{0}\" for id: \"{1}\": it became a connector, and "
             "no pipeline uses the processor",
             processor.type, processor.id),
         "ignored", "remove it"});
    rewriting.root.find("processors")->erase(processor.id);
  }
}

void drop_repeated_dimensions(Rewriting& rewriting, std::string_view id) {
  constexpr std::array<std::string_view, 4> kAlwaysThere = {"service.name", "span.name",
                                                            "span.kind", "status.code"};
  ConfigNode* connectors = rewriting.root.find("connectors");
  if (connectors == nullptr) return;
  for (ConfigEntry& entry : connectors->entries()) {
    const std::string type = entry.key.substr(0, entry.key.find('/'));
    ConfigNode* dimensions = entry.value.find("dimensions");
    if (current_type("connectors", type) != "span_metrics" || dimensions == nullptr) continue;
    std::set<std::string, std::less<>> seen(kAlwaysThere.begin(), kAlwaysThere.end());
    std::erase_if(dimensions->items(), [&](const ConfigNode& dimension) {
      const ConfigNode* name = dimension.find("name");
      if (name == nullptr || seen.insert(name->text()).second) return false;
      rewriting.warnings.deviations.push_back(
          {id, name->position(),
           fmt::format("connectors::{}::dimensions: duplicate dimension name \"{}\"", entry.key,
                       name->text()),
           "counted once", "remove it: it is there without being named"});
      return true;
    });
  }
}

// A connector that only stands among the receivers has nothing to pass on. Where one pipeline alone
// can be meant, it becomes one of its exporters: nothing is lost, and its metrics come to be.
void feed_connectors_that_nothing_feeds(Rewriting& rewriting, std::string_view id) {
  for (const ComponentView& connector : components_of(rewriting.root, "connectors")) {
    const std::vector<PipelineView> pipelines = pipelines_of(rewriting.root);
    const auto receives = [&](const auto& each) { return each.receives(connector.id); };
    const auto exports = [&](const auto& each) { return each.exports(connector.id); };
    const auto receiver = std::ranges::find_if(pipelines, receives);
    if (receiver == pipelines.end() || std::ranges::any_of(pipelines, exports)) continue;
    std::vector<const PipelineView*> sources;
    for (const PipelineView& pipeline : pipelines) {
      if (pipeline.signal == "traces" && !receives(pipeline)) sources.push_back(&pipeline);
    }
    if (sources.size() != 1) continue;  // refused when the pipelines are read
    ConfigNode* exporters =
        find_path(rewriting.root, {"service", "pipelines", sources[0]->id, "exporters"});
    if (exporters == nullptr || !exporters->is_list()) continue;
    rewriting.warnings.deviations.push_back(
        {id, connector.position,
         fmt::format(
             "connectors::{0}: connector \"{0}\" used as receiver in [{1}] pipeline but not "
             "used in any supported exporter pipeline",
             connector.id, receiver->id),
         fmt::format("read as if service::pipelines::{}::exporters named it", sources[0]->id),
         fmt::format("write there exporters: [{}, {}]", fmt::join(words_of(exporters), ", "),
                     connector.id)});
    exporters->append(word(connector.position, connector.id));
  }
}

// `primary: EXPORTER` and `fallback: [EXPORTER...]` as one pipeline for each, in order of priority.
void write_priority_levels(Rewriting& rewriting, std::string_view id) {
  for (const ComponentView& connector : components_of(rewriting.root, "connectors")) {
    ConfigNode& settings = *find_path(rewriting.root, {"connectors", connector.id});
    const ConfigNode* primary = settings.find("primary");
    ConfigNode* pipelines = find_path(rewriting.root, {"service", "pipelines"});
    if (connector.type != "failover" || primary == nullptr || pipelines == nullptr ||
        settings.find("priority_levels") != nullptr) {
      continue;
    }
    const ConfigPosition position = primary->position();
    std::vector<std::string> exporters = words_of(primary);
    for (const std::string& each : words_of(settings.find("fallback"))) exporters.push_back(each);
    ConfigNode levels = ConfigNode::list(position, {});
    std::vector<std::string> written;
    for (std::size_t i = 0; i < exporters.size(); ++i) {
      const std::string pipeline = fmt::format("traces/{}_{}", connector.id, i + 1);
      if (pipelines->find(pipeline) != nullptr) return;  // somebody else's: refused as it stands
      levels.append(list_of(position, {pipeline}));
      written.push_back(fmt::format("{}: {{receivers: [{}], exporters: [{}]}}", pipeline,
                                    connector.id, exporters[i]));
    }
    rewriting.warnings.deviations.push_back(
        {id, position,
         fmt::format("connectors::{}: has invalid keys: primary, fallback", connector.id),
         "read as priority levels, each a pipeline of its own",
         fmt::format(
             "write priority_levels: [[traces/{0}_1], ...], and under service::pipelines {1}",
             connector.id, fmt::join(written, ", "))});
    for (std::size_t i = 0; i < exporters.size(); ++i) {
      ConfigNode pipeline = ConfigNode::map(position, {});
      pipeline.set("receivers", position, list_of(position, {connector.id}));
      pipeline.set("exporters", position, list_of(position, {exporters[i]}));
      pipelines->set(fmt::format("traces/{}_{}", connector.id, i + 1), position,
                     std::move(pipeline));
    }
    settings.erase("primary");
    settings.erase("fallback");
    settings.set("priority_levels", position, std::move(levels));
  }
}

}  // namespace kernspan
