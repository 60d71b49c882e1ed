// What processors make of resources and spans.
#include <fmt/format.h>

#include <string>

#include "tools/kernspan/doctor/rules.h"

namespace kernspan::doctor {
namespace {

// Whether one of the processors before `end` puts this label's value under this name.
bool is_extracted(const Subject& subject, const PipelineView& pipeline, std::size_t end,
                  const std::string& attribute) {
  for (std::size_t i = 0; i < end; ++i) {
    const ComponentView* processor = subject.find("processors", pipeline.processors[i].id);
    if (processor == nullptr || processor->type != "k8s_attributes") continue;
    const ConfigNode* labels = at(processor->node, {"extract", "labels"});
    if (labels == nullptr) continue;
    for (const ConfigNode& label : labels->items()) {
      const std::string from = text_at(&label, {"from"}, "pod");
      const std::string key = text_at(&label, {"key"});
      if (text_at(&label, {"tag_name"}, fmt::format("k8s.{}.labels.{}", from, key)) == attribute) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace

void find_deduplication(const Subject& subject, Reporter& reporter) {
  for (const auto& [pipeline, index, processor] : subject.processors("span_dedup")) {
    reporter.add(
        processor.position,
        fmt::format("{}: the collector has no such processor; and spans that came two ways "
                    "meet in the backend, where no processor sees both",
                    processor.path()),
        "send each span one way only");
  }
}

void find_watches_of_all_pods(const Subject& subject, Reporter& reporter) {
  for (const ComponentView* processor : subject.used("processors", "k8s_attributes")) {
    const ConfigNode* filter = at(processor->node, {"filter"});
    const bool is_narrow = at(filter, {"node"}) != nullptr ||
                           at(filter, {"node_from_env_var"}) != nullptr ||
                           at(filter, {"namespace"}) != nullptr;
    if (is_narrow || flag_at(processor->node, {"passthrough"}, false)) continue;
    reporter.add(
        processor->position,
        fmt::format("{}: watches every pod of the cluster; in a DaemonSet each node's agent "
                    "does, and the API server serves them all",
                    processor->path()),
        "in a DaemonSet set filter: {node_from_env_var: K8S_NODE_NAME}");
  }
}

void find_labels_that_nobody_extracts(const Subject& subject, Reporter& reporter) {
  for (const auto& [pipeline, index, processor] : subject.processors("resource")) {
    const ConfigNode* attributes = at(processor.node, {"attributes"});
    if (attributes == nullptr) continue;
    for (const ConfigNode& attribute : attributes->items()) {
      const ConfigNode* source = at(&attribute, {"from_attribute"});
      const std::string name = text_at(&attribute, {"from_attribute"});
      const bool is_label = name.starts_with("k8s.") && name.contains(".labels.");
      if (source == nullptr || !is_label || is_extracted(subject, pipeline, index, name)) continue;
      const std::size_t labels = name.find(".labels.");
      reporter.add(
          source->position(),
          fmt::format("{} in {}: nothing before it sets {}, so that {} stays as it is",
                      processor.path(), pipeline.id, name, text_at(&attribute, {"key"})),
          fmt::format("put k8s_attributes before it, with extract::labels: [{{tag_name: {}, "
                      "key: {}, from: {}}}]",
                      name, name.substr(labels + 8), name.substr(4, labels - 4)));
    }
  }
}

void find_numeric_attributes(const Subject& subject, Reporter& reporter) {
  for (const ComponentView& processor : subject.components()) {
    if (processor.type != "resource" && processor.type != "attributes") continue;
    const ConfigNode* attributes = at(processor.node, {"attributes"});
    if (attributes == nullptr) continue;
    for (const ConfigNode& attribute : attributes->items()) {
      const ConfigNode* value = at(&attribute, {"value"});
      if (value == nullptr || !value->is_scalar() || !value->expanded()) continue;
      const ScalarType type = scalar_type(value->text());
      if (type != ScalarType::kInteger && type != ScalarType::kNumber) continue;
      reporter.add(value->position(),
                   fmt::format("{}: what {} holds reads as a number: {} becomes a number, and no "
                               "longer matches what is text elsewhere",
                               processor.path(), value->shown(), text_at(&attribute, {"key"})),
                   "quotes do not help: give it a value that is no number, or add action: convert, "
                   "converted_type: string");
    }
  }
}

}  // namespace kernspan::doctor
