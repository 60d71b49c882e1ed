// `policies:` of tail_sampling as read and checked.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/config_reader.h"

namespace kernspan::sampling {

struct PolicySettings;

// Reads the key `policies` of the processor's section, in the order of evaluation: drop policies
// first. What is wrong with them is reported to the reader and comes out of its finish(); then the
// result is not to be used.
std::vector<PolicySettings> read_policies(ConfigReader& reader);

// The first policy with state (a rate), which sampling_strategy span-ingest cannot have; empty when
// there is none.
std::string_view first_stateful(const std::vector<PolicySettings>& policies);

}  // namespace kernspan::sampling
