#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/factory.h"

namespace kernspan {

// The components that a program knows: one row each, by kind.
struct Registry {
  std::vector<ReceiverFactory> receivers;
  std::vector<ProcessorFactory> processors;
  std::vector<ExporterFactory> exporters;
  std::vector<ConnectorFactory> connectors;
  std::vector<ExtensionFactory> extensions;

  // Adds the rows of another table; a type that is already there is left out.
  void add(const Registry& other);
};

// The row of a type, by its name or a deprecated one; null when there is none. Borrowed from the
// table.
template <typename Factory>
const Factory* find_factory(const std::vector<Factory>& table, std::string_view type) {
  for (const Factory& factory : table) {
    if (factory.type == type) return &factory;
    for (const std::string& name : factory.deprecated_names) {
      if (name == type) return &factory;
    }
  }
  return nullptr;
}

// Where a component stands in its collector's tables: `type[/name]`.
struct ComponentId {
  std::string type;
  std::string name;  // may be empty

  // Nothing when the text is not an id: an empty type, or an empty name behind the slash.
  static std::optional<ComponentId> parse(std::string_view text);
};

}  // namespace kernspan
