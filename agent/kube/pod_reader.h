// One pod of a PodList, from JSON.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/kube/pod.h"
#include "pipeline/base/error.h"

namespace kernspan::kube {

// Fails when it is not JSON, has a field of another type than the API gives it, or has no uid, name
// or namespace. What is beyond bounds (very many containers, labels, very long values) is left out
// and added to *left_out. The error says which field; it quotes nothing.
Result<Pod> parse_pod(std::string_view json, const PodFields& fields, std::uint64_t* left_out);

}  // namespace kernspan::kube
