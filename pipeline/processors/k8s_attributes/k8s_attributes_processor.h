#pragma once

#include <memory>

#include "pipeline/component/factory.h"
#include "pipeline/otlp/attribute_editor.h"
#include "pipeline/processors/k8s_attributes/kube_metadata.h"

namespace kernspan {

// Gives resources the attributes of their pods, from tables that watches of the Kubernetes API keep
// up to date. What a resource has already stays; one that has everything, because an agent on the
// pod's node gave it, is not looked up. Holds nothing. Any thread.
class K8sAttributesProcessor final : public Processor {
 public:
  K8sAttributesProcessor(const ComponentContext& context, K8sAttributesSettings settings,
                         Consumer& next, kube::AccessSources sources = kube::system_sources());

  // With wait_for_metadata it waits for the first lists, and fails when they do not come in time.
  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;
  Status consume(otlp::Batch batch) override;
  Status admit(otlp::Signal signal, std::size_t bytes) override {
    return next_.admit(signal, bytes);
  }

 private:
  void annotate(otlp::AttributeEditor& resource);
  void add_pod(otlp::AttributeEditor& resource, const KubePod& pod);
  void add_containers(otlp::AttributeEditor& resource, const KubePod& pod) const;
  void add_object(otlp::AttributeEditor& resource, ObjectKind kind, const std::string& key);
  void add_related(otlp::AttributeEditor& resource, const KubePod* pod);
  bool has_everything(const otlp::AttributeEditor& resource) const;

  const K8sAttributesSettings settings_;
  const std::string path_;
  StageBooks& books_;
  Consumer& next_;
  const bool adds_fields_;  // labels or annotations
  KubeMetadata metadata_;
};

// Types `k8s_attributes` and `k8sattributes`, its name before upstream renamed it.
ProcessorFactory k8s_attributes_processor_factory();

}  // namespace kernspan
