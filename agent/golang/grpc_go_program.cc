#include "agent/golang/grpc_go_program.h"

#include <array>

#include "agent/golang/build_versions.h"
#include "agent/golang/dwarf_structs.h"
#include "agent/golang/elf_file.h"
#include "agent/golang/function_table.h"
#include "agent/golang/go_layouts.h"
#include "agent/golang/returns.h"

namespace kernspan::golang {
namespace {

constexpr std::string_view kNewStream =
    "google.golang.org/grpc/internal/transport.(*http2Client).NewStream";
constexpr std::string_view kHandleStream = "google.golang.org/grpc.(*Server).handleStream";
constexpr std::array kFunctions = {kNewStream, kHandleStream};

// The ABI that passes arguments in registers came with 1.17, whose build information is of the older kind.
constexpr Release kGoFirst{1, 18};

// NewStream has 6 to 10.
constexpr std::size_t kReturnsMax = 32;

std::expected<std::vector<std::uint64_t>, Refusal> returns_of(const ElfFile& file,
                                                              const Function& function) {
  const auto code = file.loaded(function.address, function.size);
  const auto place = file.offset_of(function.address);
  if (!code || !place) return std::unexpected(Refusal::kFunctionTable);
  auto returns = find_returns(*code);
  if (!returns || returns->empty() || returns->size() > kReturnsMax)
    return std::unexpected(Refusal::kCode);
  for (std::uint64_t& at : *returns) at += *place;
  return *returns;
}

}  // namespace

std::string_view refusal_name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kUnreadable:
      return "unreadable";
    case Refusal::kWithoutGrpc:
      return "without_grpc";
    case Refusal::kGoTooOld:
      return "go_version";
    case Refusal::kFunctionTable:
      return "function_table";
    case Refusal::kCode:
      return "code";
    case Refusal::kLayoutUnknown:
      return "layout_unknown";
  }
  return "unknown";
}

std::expected<GrpcGoProgram, Refusal> inspect_grpc_go(int fd) {
  const auto file = ElfFile::open(fd);
  if (!file) return std::unexpected(Refusal::kUnreadable);
  const BuildVersions versions = read_build_versions(*file);
  if (!versions.go || *versions.go < kGoFirst) return std::unexpected(Refusal::kGoTooOld);
  const auto functions = find_functions(*file, kFunctions);
  if (!functions) return std::unexpected(Refusal::kFunctionTable);
  const auto client = functions->find(kNewStream);
  const auto server = functions->find(kHandleStream);
  const Sides sides{.client = client != functions->end(), .server = server != functions->end()};
  if (!sides.client && !sides.server) return std::unexpected(Refusal::kWithoutGrpc);

  GrpcGoProgram program;
  if (sides.client) {
    auto returns = returns_of(*file, client->second);
    if (!returns) return std::unexpected(returns.error());
    program.client_returns = std::move(*returns);
  }
  if (sides.server) {
    const auto entry = file->offset_of(server->second.address);
    if (!entry) return std::unexpected(Refusal::kFunctionTable);
    program.server_entries.push_back(*entry);
  }
  std::optional<ks_go_layout> layout;
  if (const auto structs = read_structs(*file, layout_structs())) {
    layout = layout_from_structs(*structs, sides);
    program.layout_is_from_debug_information = layout.has_value();
  }
  if (!layout) layout = layout_from_releases(versions);
  if (!layout) return std::unexpected(Refusal::kLayoutUnknown);
  program.layout = *layout;
  return program;
}

}  // namespace kernspan::golang
