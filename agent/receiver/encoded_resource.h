#pragma once

#include <span>
#include <string>

#include "agent/process/resource.h"

namespace kernspan {

// The bytes of a Resource message.
std::string encoded_resource(std::span<const process::Attribute> attributes);

}  // namespace kernspan
