#include "pipeline/service/skip_unbuilt.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/service/config_view.h"

namespace kernspan {
namespace {

void remove_word(ConfigNode* list, std::string_view word) {
  if (list == nullptr) return;
  std::erase_if(list->items(), [word](const ConfigNode& item) { return item.text() == word; });
}

class LeavingOut {
 public:
  LeavingOut(ConfigNode& root, const KnownTypes& types, ConfigWarnings& warnings)
      : root_(root), types_(types), warnings_(warnings) {}

  void run() {
    for (const std::string_view section : kComponentSections) {
      for (const ComponentView& component : components_of(root_, section)) {
        if (types_.find_unbuilt(section, component.type) == nullptr) continue;
        warnings_.add(component.position,
                      fmt::format("{}: LEFT OUT: \"{}\" is not part of this version, and "
                                  "--skip-unbuilt runs without it: what it is there for does not "
                                  "happen",
                                  component.path(), component.type));
        if (component.type == "failover") bridge_failover(component.id);
        leave_out(section, component.id);
      }
    }
    drop_pipelines_without_receivers();
  }

 private:
  void leave_out(std::string_view section, const std::string& id) {
    root_.find(section)->erase(id);
    ConfigNode* pipelines = find_path(root_, {"service", "pipelines"});
    if (section == "extensions") {
      remove_word(find_path(root_, {"service", "extensions"}), id);
      forget_storage(id);
    } else if (pipelines != nullptr) {
      for (ConfigEntry& pipeline : pipelines->entries()) {
        if (section != "connectors") remove_word(pipeline.value.find(section), id);
        if (section != "connectors") continue;
        remove_word(pipeline.value.find("receivers"), id);
        remove_word(pipeline.value.find("exporters"), id);
      }
    }
  }

  // The exporters of the first level stand where the connector stood.
  void bridge_failover(const std::string& id) {
    const ConfigNode* levels = find_path(root_, {"connectors", id, "priority_levels"});
    ConfigNode* pipelines = find_path(root_, {"service", "pipelines"});
    if (levels == nullptr || levels->items().empty() || pipelines == nullptr) return;
    std::vector<ConfigNode> exporters;
    for (const IdView& level : ids_of(&levels->items().front())) {
      const ConfigNode* list = find_path(*pipelines, {level.id, "exporters"});
      if (list == nullptr) continue;
      exporters.insert(exporters.end(), list->items().begin(), list->items().end());
    }
    for (ConfigEntry& pipeline : pipelines->entries()) {
      ConfigNode* list = pipeline.value.find("exporters");
      if (list == nullptr) continue;
      const auto here = std::ranges::find_if(
          list->items(), [&](const ConfigNode& item) { return item.text() == id; });
      if (here == list->items().end()) continue;
      const auto next = list->items().erase(here);
      list->items().insert(next, exporters.begin(), exporters.end());
    }
  }

  void forget_storage(const std::string& id) {
    ConfigNode* exporters = root_.find("exporters");
    if (exporters == nullptr) return;
    for (ConfigEntry& exporter : exporters->entries()) {
      ConfigNode* queue = exporter.value.find("sending_queue");
      const ConfigNode* storage = queue == nullptr ? nullptr : queue->find("storage");
      if (storage == nullptr || storage->text() != id) continue;
      warnings_.add(storage->position(),
                    fmt::format("exporters::{}::sending_queue::storage: LEFT OUT: the queue is in "
                                "memory, and ends with the process",
                                exporter.key));
      queue->erase("storage");
    }
  }

  void drop_pipelines_without_receivers() {
    ConfigNode* pipelines = find_path(root_, {"service", "pipelines"});
    if (pipelines == nullptr) return;
    std::erase_if(pipelines->entries(), [this](const ConfigEntry& pipeline) {
      const ConfigNode* receivers = pipeline.value.find("receivers");
      if (receivers == nullptr || !receivers->is_list() || !receivers->items().empty())
        return false;
      warnings_.add(pipeline.position,
                    fmt::format("service::pipelines::{}: LEFT OUT: nothing feeds it without what "
                                "was left out",
                                pipeline.key));
      return true;
    });
  }

  ConfigNode& root_;
  const KnownTypes& types_;
  ConfigWarnings& warnings_;
};

}  // namespace

void leave_out_unbuilt(ConfigNode& root, const KnownTypes& types, ConfigWarnings& warnings) {
  LeavingOut(root, types, warnings).run();
}

}  // namespace kernspan
