// User names by uid. Format: passwd(5).
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

namespace kernspan::process {

// Reads at most the first MiB. Lines that are not as documented are skipped; the first name of a
// uid counts, as for getpwuid(3).
std::unordered_map<std::uint32_t, std::string> read_owners(const std::string& passwd_path);

}  // namespace kernspan::process
