#include "pipeline/service/config_view.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "pipeline/component/registry.h"
#include "pipeline/service/known_types.h"

namespace kernspan {
namespace {

bool names(const std::vector<IdView>& ids, std::string_view id) {
  return std::ranges::find(ids, id, &IdView::id) != ids.end();
}

}  // namespace

std::string ComponentView::path() const {
  return std::string(section) + "::" + id;
}

bool PipelineView::receives(std::string_view component) const {
  return names(receivers, component);
}

bool PipelineView::processes(std::string_view component) const {
  return names(processors, component);
}

bool PipelineView::exports(std::string_view component) const {
  return names(exporters, component);
}

std::vector<ComponentView> components_of(const ConfigNode& root, std::string_view section) {
  std::vector<ComponentView> components;
  const ConfigNode* table = root.find(section);
  if (table == nullptr) return components;
  for (const ConfigEntry& entry : table->entries()) {
    const std::optional<ComponentId> id = ComponentId::parse(entry.key);
    if (!id) continue;
    components.push_back({section, entry.key, std::string(current_type(section, id->type)),
                          entry.position, &entry.value});
  }
  return components;
}

std::vector<IdView> ids_of(const ConfigNode* list) {
  std::vector<IdView> ids;
  if (list == nullptr) return ids;
  for (const ConfigNode& item : list->items()) {
    if (item.is_scalar()) ids.push_back({item.text(), item.position()});
  }
  return ids;
}

std::vector<PipelineView> pipelines_of(const ConfigNode& root) {
  std::vector<PipelineView> pipelines;
  const ConfigNode* table = find_path(root, {"service", "pipelines"});
  if (table == nullptr) return pipelines;
  for (const ConfigEntry& entry : table->entries()) {
    pipelines.push_back({entry.key, entry.key.substr(0, entry.key.find('/')), entry.position,
                         ids_of(entry.value.find("receivers")),
                         ids_of(entry.value.find("processors")),
                         ids_of(entry.value.find("exporters"))});
  }
  return pipelines;
}

const ConfigNode* find_path(const ConfigNode& root, std::initializer_list<std::string_view> keys) {
  const ConfigNode* node = &root;
  for (const std::string_view key : keys) {
    node = node->find(key);
    if (node == nullptr) return nullptr;
  }
  return node;
}

ConfigNode* find_path(ConfigNode& root, std::initializer_list<std::string_view> keys) {
  return const_cast<ConfigNode*>(find_path(std::as_const(root), keys));
}

}  // namespace kernspan
