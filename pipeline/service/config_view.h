// The parts of a configuration by kind, for what looks at the tree before, or without, reading its
// settings: shapes that are wrong are left out, and told of by whoever reads them.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/config_node.h"

namespace kernspan {

inline constexpr std::array<std::string_view, 5> kComponentSections = {
    "receivers", "processors", "exporters", "connectors", "extensions"};

// Borrowed from the tree, until it changes.
struct ComponentView {
  std::string_view section;  // "exporters"
  std::string id;            // "otlp/backup"
  std::string type;          // its current name: "otlp_grpc"
  ConfigPosition position;   // of its key
  const ConfigNode* node = nullptr;

  std::string path() const;  // "exporters::otlp/backup"
};

struct IdView {
  std::string id;
  ConfigPosition position;
};

struct PipelineView {
  std::string id;      // "traces/local"
  std::string signal;  // "traces"
  ConfigPosition position;
  std::vector<IdView> receivers;
  std::vector<IdView> processors;
  std::vector<IdView> exporters;

  bool receives(std::string_view component) const;
  bool processes(std::string_view component) const;
  bool exports(std::string_view component) const;
};

std::vector<ComponentView> components_of(const ConfigNode& root, std::string_view section);
std::vector<PipelineView> pipelines_of(const ConfigNode& root);
// The ids in a list of ids.
std::vector<IdView> ids_of(const ConfigNode* list);

// The node below these keys, one below the other; null where there is none.
const ConfigNode* find_path(const ConfigNode& root, std::initializer_list<std::string_view> keys);
ConfigNode* find_path(ConfigNode& root, std::initializer_list<std::string_view> keys);

}  // namespace kernspan
