#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "pipeline/component/config_reader.h"
#include "pipeline/processors/resource_detection/docker_detector.h"
#include "pipeline/processors/resource_detection/env_detector.h"
#include "pipeline/processors/resource_detection/k8s_api_detector.h"
#include "pipeline/processors/resource_detection/resource_detection_processor.h"
#include "pipeline/processors/resource_detection/system_detector.h"

namespace kernspan {
namespace {

// Upstream's other detectors ask cloud providers and platforms.
constexpr std::array<std::string_view, 21> kOtherDetectors = {
    "akamai", "aks",          "alibaba_ecs",       "azure",
    "consul", "digitalocean", "dynatrace",         "ec2",
    "ecs",    "eks",          "elastic_beanstalk", "gcp",
    "heroku", "hetzner",      "kubeadm",           "lambda",
    "nova",   "openshift",    "oraclecloud",       "scaleway",
    "vultr"};

class SettingsReader {
 public:
  SettingsReader(ConfigReader& reader, const DetectionSources& sources)
      : reader_(reader), sources_(sources) {}

  ResourceDetectionSettings read() {
    ResourceDetectionSettings settings;
    reader_.string_list("detectors", &names_);
    reader_.duration("timeout", &settings.timeout);
    reader_.boolean("override", &settings.replaces);
    reader_.duration("refresh_interval", &settings.refresh_interval);
    reader_.boolean("fail_on_missing_metadata", &settings.fails_when_missing);
    reader_.string_list("attributes", &settings.only);
    reader_.ignored("retry", "a detector that may work later is tried again every ten seconds");
    system_.read(reader_.section("system"));
    docker_.read(reader_.section("docker"));
    read_k8s_api();
    if (settings.timeout.count() == 0) reader_.error("timeout", "must be greater than zero");
    return settings;
  }

  std::vector<NamedDetector> detectors() {
    std::vector<NamedDetector> detectors;
    for (const std::string& name : names_) {
      if (std::unique_ptr<Detector> made = make(name)) detectors.push_back({name, std::move(made)});
    }
    return detectors;
  }

 private:
  void read_k8s_api() {
    if (reader_.has("k8snode")) {
      reader_.warning("k8snode", "is now called k8s_api; rename it");
      if (reader_.has("k8s_api")) reader_.error("k8snode", "stands beside k8s_api; remove it");
      k8s_api_.read(reader_.section("k8snode"));
    } else {
      k8s_api_.read(reader_.section("k8s_api"));
    }
  }

  std::unique_ptr<Detector> make(const std::string& name) {
    if (name == "env") return make_env_detector(sources_);
    if (name == "system") return make_system_detector(system_, sources_);
    if (name == "docker") return make_docker_detector(docker_, sources_);
    if (name == "k8s_api" || name == "k8snode") {
      if (name == "k8snode") {
        reader_.warning("detectors", "\"k8snode\" is now called k8s_api; rename it");
      }
      return make_k8s_api_detector(k8s_api_, sources_);
    }
    const bool is_known = std::ranges::find(kOtherDetectors, name) != kOtherDetectors.end();
    reader_.error("detectors",
                  fmt::format("invalid detector key: {}{}; use env, system, docker or k8s_api",
                              name, is_known ? " (it is not supported here)" : ""));
    return nullptr;
  }

  ConfigReader& reader_;
  const DetectionSources& sources_;
  std::vector<std::string> names_ = {"env"};
  SystemDetectorSettings system_;
  DockerDetectorSettings docker_;
  K8sApiDetectorSettings k8s_api_;
};

Result<std::unique_ptr<Processor>> create(const ConfigNode& node, const ComponentContext& context,
                                          Consumer& next, const DetectionSources& sources) {
  ConfigReader reader(node, context.warnings, context.path);
  SettingsReader settings_reader(reader, sources);
  ResourceDetectionSettings settings = settings_reader.read();
  std::vector<NamedDetector> detectors = settings_reader.detectors();
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<ResourceDetectionProcessor>(context, std::move(settings),
                                                      std::move(detectors), next);
}

}  // namespace

ProcessorFactory resource_detection_processor_factory(DetectionSources sources) {
  return {.type = "resource_detection",
          .deprecated_names = {"resourcedetection"},
          .signals = kTracesAndMetrics,
          .create = [sources = std::move(sources)](
                        const ConfigNode& node, const ComponentContext& context, Consumer& next) {
            return create(node, context, next, sources);
          }};
}

ProcessorFactory resource_detection_processor_factory() {
  return resource_detection_processor_factory(DetectionSources());
}

}  // namespace kernspan
