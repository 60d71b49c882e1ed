#include "tools/kernspan/doctor/subject.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "pipeline/base/duration.h"

namespace kernspan::doctor {
namespace {

template <typename T>
T read_number(const ConfigNode* node, T fallback) {
  if (node == nullptr || !node->is_scalar()) return fallback;
  T value{};
  const char* end = node->text().data() + node->text().size();
  const auto [stop, error] = std::from_chars(node->text().data(), end, value);
  return error == std::errc() && stop == end ? value : fallback;
}

}  // namespace

Subject::Subject(const ConfigNode& root, Circumstances circumstances)
    : root_(root), circumstances_(circumstances), pipelines_(pipelines_of(root)) {
  for (const std::string_view section : kComponentSections) {
    for (ComponentView& component : components_of(root, section)) {
      components_.push_back(std::move(component));
    }
  }
  extensions_ = ids_of(at(&root, {"service", "extensions"}));
}

const ComponentView* Subject::find(std::string_view section, std::string_view id) const {
  for (const ComponentView& component : components_) {
    if (component.section == section && component.id == id) return &component;
  }
  return nullptr;
}

bool Subject::is_used(const ComponentView& component) const {
  if (component.section == "extensions") {
    return std::ranges::find(extensions_, component.id, &IdView::id) != extensions_.end();
  }
  return std::ranges::any_of(pipelines_, [&](const PipelineView& pipeline) {
    if (component.section == "processors") return pipeline.processes(component.id);
    if (component.section == "receivers") return pipeline.receives(component.id);
    if (component.section == "exporters") return pipeline.exports(component.id);
    return pipeline.receives(component.id) || pipeline.exports(component.id);
  });
}

std::vector<const ComponentView*> Subject::used(std::string_view section) const {
  std::vector<const ComponentView*> found;
  for (const ComponentView& component : components_) {
    if (component.section == section && is_used(component)) found.push_back(&component);
  }
  return found;
}

std::vector<const ComponentView*> Subject::used(std::string_view section,
                                                std::string_view type) const {
  std::vector<const ComponentView*> found = used(section);
  std::erase_if(found, [type](const ComponentView* component) { return component->type != type; });
  return found;
}

std::vector<ProcessorUse> Subject::processors(std::string_view type) const {
  std::vector<ProcessorUse> uses;
  for (const PipelineView& pipeline : pipelines_) {
    for (std::size_t i = 0; i < pipeline.processors.size(); ++i) {
      const ComponentView* component = find("processors", pipeline.processors[i].id);
      if (component != nullptr && component->type == type)
        uses.push_back({pipeline, i, *component});
    }
  }
  return uses;
}

const ComponentView* Subject::processor_in(const PipelineView& pipeline,
                                           std::string_view type) const {
  for (const IdView& processor : pipeline.processors) {
    const ComponentView* component = find("processors", processor.id);
    if (component != nullptr && component->type == type) return component;
  }
  return nullptr;
}

std::vector<const ComponentView*> Subject::exporters_behind(const PipelineView& pipeline) const {
  std::vector<const PipelineView*> visited;
  std::vector<const ComponentView*> exporters;
  collect_exporters(pipeline, visited, exporters);
  return exporters;
}

// NOLINTNEXTLINE(misc-no-recursion): each pipeline is visited once.
void Subject::collect_exporters(const PipelineView& pipeline,
                                std::vector<const PipelineView*>& visited,
                                std::vector<const ComponentView*>& exporters) const {
  if (std::ranges::find(visited, &pipeline) != visited.end()) return;
  visited.push_back(&pipeline);
  for (const IdView& exporter : pipeline.exporters) {
    const ComponentView* component = find("exporters", exporter.id);
    if (component != nullptr && std::ranges::find(exporters, component) == exporters.end()) {
      exporters.push_back(component);
    }
    if (component != nullptr) continue;
    for (const PipelineView& next : pipelines_) {
      const bool carries_on = next.signal == pipeline.signal && next.receives(exporter.id);
      if (carries_on) collect_exporters(next, visited, exporters);
    }
  }
}

const ConfigNode* at(const ConfigNode* node, std::initializer_list<std::string_view> keys) {
  return node == nullptr ? nullptr : find_path(*node, keys);
}

std::string text_at(const ConfigNode* node, std::initializer_list<std::string_view> keys,
                    std::string_view fallback) {
  const ConfigNode* found = at(node, keys);
  return std::string(found != nullptr && found->is_scalar() ? found->text() : fallback);
}

std::uint64_t count_at(const ConfigNode* node, std::initializer_list<std::string_view> keys,
                       std::uint64_t fallback) {
  return read_number<std::uint64_t>(at(node, keys), fallback);
}

double number_at(const ConfigNode* node, std::initializer_list<std::string_view> keys,
                 double fallback) {
  const double number = read_number<double>(at(node, keys), fallback);
  return std::isfinite(number) ? number : fallback;
}

bool flag_at(const ConfigNode* node, std::initializer_list<std::string_view> keys, bool fallback) {
  const std::string text = text_at(node, keys);
  if (scalar_type(text) != ScalarType::kBoolean) return fallback;
  return text.front() == 't' || text.front() == 'T';
}

std::chrono::nanoseconds duration_at(const ConfigNode* node,
                                     std::initializer_list<std::string_view> keys,
                                     std::chrono::nanoseconds fallback) {
  return parse_duration(text_at(node, keys)).value_or(fallback);
}

std::string host_of(std::string_view endpoint) {
  if (const std::size_t scheme = endpoint.find("://"); scheme != std::string_view::npos) {
    endpoint.remove_prefix(scheme + 3);
  }
  endpoint = endpoint.substr(0, endpoint.find('/'));
  if (const std::size_t user = endpoint.rfind('@'); user != std::string_view::npos) {
    endpoint.remove_prefix(user + 1);
  }
  if (endpoint.starts_with('[')) {
    return std::string(endpoint.substr(1, std::min(endpoint.find(']'), endpoint.size()) - 1));
  }
  return std::string(endpoint.substr(0, endpoint.rfind(':')));
}

bool is_all_interfaces(std::string_view host) {
  return host.empty() || host == "0.0.0.0" || host == "::";
}

bool is_loopback(std::string_view host) {
  return host == "localhost" || host == "::1" || host.starts_with("127.");
}

std::string format_bytes(double bytes) {
  constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB", "PB"};
  std::size_t unit = 0;
  for (; bytes >= 1000 && unit + 1 < kUnits.size(); ++unit) bytes /= 1000;
  return fmt::format("{:.{}f} {}", bytes, bytes < 10 && unit > 0 ? 1 : 0, kUnits[unit]);
}

std::string format_count(double count) {
  std::string digits = fmt::format("{:.0f}", count);
  for (std::size_t i = digits.size(); i > 3; i -= 3) digits.insert(i - 3, 1, ',');
  return digits;
}

}  // namespace kernspan::doctor
