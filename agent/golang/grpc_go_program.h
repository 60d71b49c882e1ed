// What the agent needs to know of an executable to hear of its grpc-go calls (bpf/grpc_go.bpf.h): where to
// put probes, and where the fields stand that these read.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>
#include <vector>

#include "bpf/abi/go_layout.h"

namespace kernspan::golang {

// Why an executable is not probed; the names are a metric label's values.
enum class Refusal : std::uint8_t {
  kUnreadable,   // no x86-64 ELF file
  kWithoutGrpc,  // has none of the functions
  kGoTooOld,  // built before Go 1.18, or by an unknown version: calls pass no registers, or nobody knows which
  kFunctionTable,  // the table of functions is missing or contradicts itself
  kCode,           // a function's instructions could not be told apart
  kLayoutUnknown,  // neither debug information nor releases that are known
};
inline constexpr int kRefusalCount = static_cast<int>(Refusal::kLayoutUnknown) + 1;
std::string_view refusal_name(Refusal refusal);

struct GrpcGoProgram {
  ks_go_layout layout{};
  bool layout_is_from_debug_information = false;
  // Offsets in the file, of instructions. Either may be empty: a program may be a client only, or a server only.
  // Clients: AX has the stream that NewStream has made, or nil.
  std::vector<std::uint64_t> client_points;
  // Servers: the arguments of handleStream are in their registers.
  std::vector<std::uint64_t> server_points;
};

// Reads the executable: tens of milliseconds, and at most about 100 MiB for that time. The descriptor is
// borrowed.
std::expected<GrpcGoProgram, Refusal> inspect_grpc_go(int fd);

}  // namespace kernspan::golang
