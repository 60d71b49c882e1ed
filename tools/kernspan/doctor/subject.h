// A configuration as the doctor's rules look at it. Values that are absent, or of the wrong type,
// count as the collector's defaults, which the caller gives: whoever reads them says what is wrong.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/service/config_view.h"

namespace kernspan::doctor {

// What a configuration does not say of the place where it will run.
struct Circumstances {
  std::optional<std::uint64_t> memory_bytes;  // of the container
  std::optional<std::uint64_t> replicas;
};

// A processor where a pipeline names it.
struct ProcessorUse {
  const PipelineView& pipeline;
  std::size_t index;
  const ComponentView& component;
};

// Borrows the tree.
class Subject {
 public:
  Subject(const ConfigNode& root, Circumstances circumstances);

  const ConfigNode& root() const { return root_; }
  const Circumstances& circumstances() const { return circumstances_; }
  const std::vector<PipelineView>& pipelines() const { return pipelines_; }
  const std::vector<ComponentView>& components() const { return components_; }

  // Null where it is not configured.
  const ComponentView* find(std::string_view section, std::string_view id) const;
  bool is_used(const ComponentView& component) const;
  // Those that a pipeline, or service::extensions, names.
  std::vector<const ComponentView*> used(std::string_view section) const;
  std::vector<const ComponentView*> used(std::string_view section, std::string_view type) const;
  std::vector<ProcessorUse> processors(std::string_view type) const;
  // The first processor of that type in a pipeline; null when there is none.
  const ComponentView* processor_in(const PipelineView& pipeline, std::string_view type) const;
  // The exporters of a pipeline, and of those that connectors lead to.
  std::vector<const ComponentView*> exporters_behind(const PipelineView& pipeline) const;

 private:
  void collect_exporters(const PipelineView& pipeline, std::vector<const PipelineView*>& visited,
                         std::vector<const ComponentView*>& exporters) const;

  const ConfigNode& root_;
  const Circumstances circumstances_;
  const std::vector<PipelineView> pipelines_;
  std::vector<ComponentView> components_;
  std::vector<IdView> extensions_;
};

// Values below a node, which may be null.
const ConfigNode* at(const ConfigNode* node, std::initializer_list<std::string_view> keys);
std::string text_at(const ConfigNode* node, std::initializer_list<std::string_view> keys,
                    std::string_view fallback = "");
std::uint64_t count_at(const ConfigNode* node, std::initializer_list<std::string_view> keys,
                       std::uint64_t fallback);
double number_at(const ConfigNode* node, std::initializer_list<std::string_view> keys,
                 double fallback);
bool flag_at(const ConfigNode* node, std::initializer_list<std::string_view> keys, bool fallback);
std::chrono::nanoseconds duration_at(const ConfigNode* node,
                                     std::initializer_list<std::string_view> keys,
                                     std::chrono::nanoseconds fallback);

// Of "scheme://host:port/path" or "host:port"; without brackets.
std::string host_of(std::string_view endpoint);
bool is_all_interfaces(std::string_view host);
bool is_loopback(std::string_view host);

// "3.6 MB", "36 GB".
std::string format_bytes(double bytes);
// "3,333".
std::string format_count(double count);

}  // namespace kernspan::doctor
