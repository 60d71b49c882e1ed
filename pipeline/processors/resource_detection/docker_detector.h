#pragma once

#include "pipeline/component/config_reader.h"
#include "pipeline/processors/resource_detection/attribute_switches.h"
#include "pipeline/processors/resource_detection/detector.h"

namespace kernspan {

// `docker`: host.name and os.type as the Docker daemon says them, over its Unix socket
// (/var/run/docker.sock, or DOCKER_HOST=unix:///path).
struct DockerDetectorSettings {
  AttributeSwitches attributes{{{"host.name", true}, {"os.type", true}}};

  void read(ConfigReader& detector) { attributes.read(detector); }
};

std::unique_ptr<Detector> make_docker_detector(DockerDetectorSettings settings,
                                               const DetectionSources& sources);

}  // namespace kernspan
