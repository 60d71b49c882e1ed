#include "pipeline/component/registry.h"

namespace kernspan {
namespace {

template <typename Factory>
void add_missing(std::vector<Factory>& table, const std::vector<Factory>& rows) {
  for (const Factory& row : rows) {
    if (find_factory(table, row.type) == nullptr) table.push_back(row);
  }
}

}  // namespace

void Registry::add(const Registry& other) {
  add_missing(receivers, other.receivers);
  add_missing(processors, other.processors);
  add_missing(exporters, other.exporters);
  add_missing(connectors, other.connectors);
  add_missing(extensions, other.extensions);
}

std::optional<ComponentId> ComponentId::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  ComponentId id{std::string(text.substr(0, slash)), ""};
  if (slash != std::string_view::npos) {
    id.name = text.substr(slash + 1);
    if (id.name.empty()) return std::nullopt;
  }
  if (id.type.empty()) return std::nullopt;
  return id;
}

}  // namespace kernspan
