#pragma once

#include "pipeline/component/config_reader.h"
#include "pipeline/processors/resource_detection/attribute_switches.h"
#include "pipeline/processors/resource_detection/detector.h"

namespace kernspan {

// `system`: host.name and os.type; host.id and host.arch when they are switched on.
struct SystemDetectorSettings {
  std::vector<std::string> hostname_sources = {"dns", "os"};  // the first that knows it
  AttributeSwitches attributes{
      {{"host.arch", false}, {"host.id", false}, {"host.name", true}, {"os.type", true}}};

  void read(ConfigReader& detector);
};

std::unique_ptr<Detector> make_system_detector(SystemDetectorSettings settings,
                                               const DetectionSources& sources);

}  // namespace kernspan
