// What the agent needs to know of a shared library of gRPC's C core to hear of its programs' calls
// (bpf/grpc_core.bpf.h): where to put probes, and where the fields stand that these read.
//
// The library has no debug information and its structures no stable layout, so builds are known one by one, by
// their build id: a hash of all that the linker has put into the file. Any other build is refused.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "bpf/abi/grpc_core_layout.h"

namespace kernspan::grpc_core {

// Why a library is not probed; the names are a metric label's values.
enum class Refusal : std::uint8_t {
  kUnreadable,    // no x86-64 ELF file, or it is not there any more
  kUnknownBuild,  // none of those whose layout is known
};
inline constexpr int kRefusalCount = static_cast<int>(Refusal::kUnknownBuild) + 1;
std::string_view refusal_name(Refusal refusal);

struct Library {
  std::uint32_t number = 0;  // of the build: its slot in the map `core_layouts`
  ks_grpc_core_layout layout{};
  // Offsets in the file.
  std::uint64_t client_point = 0;
  std::uint64_t server_point = 0;
};

// Reads a few hundred bytes of the file. The descriptor is borrowed.
std::expected<Library, Refusal> inspect_library(int fd);

}  // namespace kernspan::grpc_core
