#pragma once

#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "tools/kernspan/peer/peer_options.h"

namespace kernspan::tools {

// An exporter of a configuration and what it calls.
struct ConfigTarget {
  std::string exporter;  // its id
  PeerOptions peer;
  std::string not_probed = {};  // why not, where it cannot be
};

// The exporters that speak OTLP and that a pipeline uses, with the certificates, the headers and the
// token that the daemon would use. `sources` are as of --config. Fails when the configuration cannot
// be read, or names no such exporter.
Result<std::vector<ConfigTarget>> config_targets(const std::vector<std::string>& sources);

}  // namespace kernspan::tools
