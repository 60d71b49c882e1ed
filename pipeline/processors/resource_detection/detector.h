#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/component/config_yaml.h"

namespace kernspan {

// Attributes of the resource that this program runs on; all are texts.
using DetectedAttributes = std::vector<std::pair<std::string, std::string>>;

// One source of such attributes. One thread at a time.
class Detector {
 public:
  virtual ~Detector() = default;

  // Returns by `deadline`, more or less: name servers do not know it. An error that is retryable
  // may go away by itself (a server that does not answer yet); one that is permanent will not.
  virtual Result<DetectedAttributes> detect(std::chrono::steady_clock::time_point deadline) = 0;
};

// Where detectors look; tests own it.
struct DetectionSources {
  Environment environment = process_environment();
  std::filesystem::path root = "/";  // of etc/machine-id and the like
};

}  // namespace kernspan
