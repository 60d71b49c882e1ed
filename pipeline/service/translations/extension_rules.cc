#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/service/config_view.h"
#include "pipeline/service/translations/translations.h"

namespace kernspan {
namespace {

bool is_used(const ConfigNode& root, const ComponentView& component) {
  return std::ranges::any_of(pipelines_of(root), [&](const PipelineView& pipeline) {
    return pipeline.receives(component.id) || pipeline.processes(component.id) ||
           pipeline.exports(component.id);
  });
}

// The settings of the extension that is in its place come first.
ConfigNode merged(ConfigNode misplaced, const ConfigNode* in_place) {
  if (in_place != nullptr && in_place->is_map()) misplaced.merge(*in_place);
  return misplaced;
}

// An id that a component's settings name, where they name it.
struct Mention {
  std::string path;  // "exporters::otlp::sending_queue::storage"
  const ConfigNode* value;
};

void collect_mentions(const ConfigNode& node, const std::string& path,
                      std::vector<Mention>& mentions) {
  for (const ConfigEntry& entry : node.entries()) {
    const std::string below = fmt::format("{}::{}", path, entry.key);
    const bool names_storage = entry.key == "storage" && path.ends_with("::sending_queue");
    const bool names_authenticator = entry.key == "authenticator" && path.ends_with("::auth");
    if ((names_storage || names_authenticator) && entry.value.is_scalar()) {
      mentions.push_back({below, &entry.value});
    }
    collect_mentions(entry.value, below, mentions);
  }
}

}  // namespace

void move_misplaced_extensions(Rewriting& rewriting, std::string_view id) {
  for (const std::string_view section : {"receivers", "processors", "exporters"}) {
    for (const ComponentView& component : components_of(rewriting.root, section)) {
      const bool is_misplaced = !rewriting.types.knows(section, component.type) &&
                                rewriting.types.knows("extensions", component.type);
      if (!is_misplaced || is_used(rewriting.root, component)) continue;
      const ConfigNode* in_place = find_path(rewriting.root, {"extensions", component.id});
      rewriting.warnings.deviations.push_back(
          {id, component.position,
           fmt::format("{}: unknown type: \"{}\" for id: \"{}\": it is an extension", section,
                       component.type, component.id),
           in_place == nullptr
               ? "read as if it stood under extensions"
               : "read as further settings of the extension of that name, whose own come first",
           "move it to extensions"});
      // Looked up again: what came before it in the section may have been moved.
      ConfigNode moved = merged(*find_path(rewriting.root, {section, component.id}), in_place);
      if (rewriting.root.find("extensions") == nullptr) {
        rewriting.root.set("extensions", component.position, {});
      }
      rewriting.root.find("extensions")->set(component.id, component.position, std::move(moved));
      rewriting.root.find(section)->erase(component.id);
    }
  }
}

void enable_named_extensions(Rewriting& rewriting, std::string_view id) {
  std::vector<Mention> mentions;
  for (const std::string_view section : {"receivers", "exporters"}) {
    for (const ComponentView& component : components_of(rewriting.root, section)) {
      collect_mentions(*component.node, component.path(), mentions);
    }
  }
  struct Enabling {
    std::string extension;
    ConfigPosition position;
  };
  std::vector<Enabling> enablings;
  std::vector<IdView> enabled = ids_of(find_path(rewriting.root, {"service", "extensions"}));
  for (const auto& [path, value] : mentions) {
    const std::string& extension = value->text();
    if (std::ranges::find(enabled, extension, &IdView::id) != enabled.end()) continue;
    if (find_path(rewriting.root, {"extensions", extension}) == nullptr) continue;
    rewriting.warnings.deviations.push_back(
        {id, value->position(),
         fmt::format("{}: names the extension \"{}\", which service::extensions does not list",
                     path, extension),
         "read as if it did", fmt::format("add {} to service::extensions", extension)});
    enabled.push_back({extension, value->position()});
    enablings.push_back({extension, value->position()});
  }
  for (const auto& [extension, position] : enablings) {
    if (rewriting.root.find("service") == nullptr) rewriting.root.set("service", position, {});
    ConfigNode& service = *rewriting.root.find("service");
    if (service.find("extensions") == nullptr) service.set("extensions", position, {});
    service.find("extensions")->append(ConfigNode::scalar(position, extension, extension, true));
  }
}

}  // namespace kernspan
