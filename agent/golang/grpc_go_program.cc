#include "agent/golang/grpc_go_program.h"

#include <array>

#include "agent/golang/build_versions.h"
#include "agent/golang/dwarf_structs.h"
#include "agent/golang/elf_file.h"
#include "agent/golang/function_table.h"
#include "agent/golang/go_layouts.h"
#include "agent/golang/probe_points.h"

namespace kernspan::golang {
namespace {

constexpr std::string_view kNewStream =
    "google.golang.org/grpc/internal/transport.(*http2Client).NewStream";
constexpr std::string_view kHandleStream = "google.golang.org/grpc.(*Server).handleStream";
// The caller of NewStream for all calls but a channel's own (health checks).
constexpr std::string_view kAttemptNewStream = "google.golang.org/grpc.(*csAttempt).newStream";
constexpr std::array kFunctions = {kNewStream, kHandleStream, kAttemptNewStream};

// The ABI that passes arguments in registers came with 1.17, whose build information is of the older kind.
constexpr Release kGoFirst{1, 18};

// NewStream has 6 to 10 returns.
constexpr std::size_t kPointsMax = 32;

using Points = std::expected<std::vector<std::uint64_t>, Refusal>;
using Functions = std::map<std::string, Function, std::less<>>;

// What `find` finds in the function, as offsets in the file.
template <typename Find>
Points points_in(const ElfFile& file, const Function& function, Find find) {
  const auto code = file.loaded(function.address, function.size);
  const auto place = file.offset_of(function.address);
  if (!code || !place) return std::unexpected(Refusal::kFunctionTable);
  std::optional<std::vector<std::uint64_t>> points = find(*code);
  if (!points || points->empty() || points->size() > kPointsMax)
    return std::unexpected(Refusal::kCode);
  for (std::uint64_t& at : *points) at += *place;
  return *points;
}

// Where the caller is not as expected, the returns will do, at a higher cost.
Points client_points(const ElfFile& file, const Functions& functions) {
  if (const auto caller = functions.find(kAttemptNewStream); caller != functions.end()) {
    Points points = points_in(file, caller->second, find_error_checks);
    if (points) return points;
  }
  return points_in(file, functions.find(kNewStream)->second, find_returns);
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
  const auto server = functions->find(kHandleStream);
  const Sides sides{.client = functions->contains(kNewStream),
                    .server = server != functions->end()};
  if (!sides.client && !sides.server) return std::unexpected(Refusal::kWithoutGrpc);

  GrpcGoProgram program;
  if (sides.client) {
    Points points = client_points(*file, *functions);
    if (!points) return std::unexpected(points.error());
    program.client_points = std::move(*points);
  }
  if (sides.server) {
    Points points = points_in(*file, server->second, [](std::string_view code) {
      return std::optional(std::vector{find_entry(code)});
    });
    if (!points) return std::unexpected(points.error());
    program.server_points = std::move(*points);
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
