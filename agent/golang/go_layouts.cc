#include "agent/golang/go_layouts.h"

#include <algorithm>
#include <array>

namespace kernspan::golang {
namespace {

constexpr std::string_view kStream = "google.golang.org/grpc/internal/transport.Stream";
constexpr std::string_view kClientStream = "google.golang.org/grpc/internal/transport.ClientStream";
constexpr std::string_view kHttp2Client = "google.golang.org/grpc/internal/transport.http2Client";
constexpr std::string_view kHttp2Server = "google.golang.org/grpc/internal/transport.http2Server";
constexpr std::string_view kGoroutine = "runtime.g";
constexpr std::string_view kNetFd = "net.netFD";
constexpr std::string_view kPollFd = "internal/poll.FD";
constexpr std::array kStructs = {kStream,    kClientStream, kHttp2Client, kHttp2Server,
                                 kGoroutine, kNetFd,        kPollFd};

constexpr std::uint32_t kInterfaceData = 8;  // behind the type

class FieldFinder {
 public:
  explicit FieldFinder(const Structs& structs) : structs_(structs) {}

  const Field* find(std::string_view structure, std::string_view field) const {
    const auto fields = structs_.find(structure);
    if (fields == structs_.end()) return nullptr;
    const auto found = fields->second.find(field);
    return found == fields->second.end() ? nullptr : &found->second;
  }
  std::uint32_t offset(std::string_view structure, std::string_view field) {
    const Field* found = find(structure, field);
    if (!found) is_complete = false;
    return found ? found->offset : KS_GO_ABSENT;
  }

  bool is_complete = true;

 private:
  const Structs& structs_;
};

// runtime.g and net.netFD: runtime/runtime2.go, net/fd_posix.go and internal/poll/fd_unix.go of the Go
// releases 1.19, 1.21, 1.22 and 1.23 (1.20 lies between two that are equal).
struct GoRow {
  Release first;
  Release last;
  std::uint32_t goroutine_id;
  std::uint32_t parent_goroutine_id;
};
constexpr GoRow kGoRows[] = {
    {{1, 19}, {1, 20}, 152, KS_GO_ABSENT},
    {{1, 21}, {1, 22}, 152, 272},
    {{1, 23}, {1, 23}, 160, 280},
};
constexpr std::uint32_t kFdSysfd = 16, kFdLocal = 96, kFdRemote = 112;

// internal/transport/transport.go (and client_stream.go, server_stream.go since 1.69), http2_client.go and
// http2_server.go of the grpc-go releases from 1.26.0 to 1.83.0, every minor one.
struct StreamRow {
  Release first;
  std::uint32_t is_indirect;
  std::uint32_t id;
  std::uint32_t method;
  std::uint32_t client;
};
constexpr StreamRow kStreamRows[] = {
    {{1, 26}, 0, 0, 72, 24}, {{1, 37}, 0, 0, 80, 24},    {{1, 66}, 0, 0, 88, 24 + kInterfaceData},
    {{1, 69}, 1, 0, 24, 8},  {{1, 77}, 0, 108, 16, 272},
};
struct ConnRow {
  Release first;
  std::uint32_t offset;
};
constexpr ConnRow kClientConnRows[] = {
    {{1, 26}, 72}, {{1, 35}, 64}, {{1, 52}, 136}, {{1, 58}, 128}};
constexpr ConnRow kServerConnRows[] = {{{1, 26}, 32}, {{1, 60}, 16}};
constexpr Release kGrpcFirst{1, 26};
constexpr Release kGrpcLast{1, 83};

// The last row that is not newer than the release.
template <typename Row, std::size_t kRows>
const Row& row_for(const Row (&rows)[kRows], Release release) {
  return *std::prev(std::ranges::upper_bound(rows, release, {}, &Row::first));
}

}  // namespace

std::span<const std::string_view> layout_structs() {
  return kStructs;
}

std::optional<ks_go_layout> layout_from_structs(const Structs& structs, Sides sides) {
  FieldFinder at(structs);
  ks_go_layout layout{};
  layout.goroutine_id = at.offset(kGoroutine, "goid");
  const Field* parent = at.find(kGoroutine, "parentGoid");
  layout.parent_goroutine_id = parent ? parent->offset : KS_GO_ABSENT;
  layout.stream_id = at.offset(kStream, "id");
  layout.stream_method = at.offset(kStream, "method");
  // Since 1.69 there are ClientStream and ServerStream, which both begin with the common part.
  const bool has_parts = structs.contains(kClientStream);
  if (const Field* common = at.find(kClientStream, "Stream")) {
    layout.stream_is_indirect = common->is_pointer ? 1 : 0;
    if (common->offset != 0) return std::nullopt;
  } else if (has_parts) {
    return std::nullopt;
  }
  if (sides.client) {
    const std::string_view owner = has_parts ? kClientStream : kStream;
    layout.stream_client = at.offset(owner, "ct");
    const Field* client = at.find(owner, "ct");
    if (client && !client->is_pointer) layout.stream_client += kInterfaceData;
    layout.client_conn = at.offset(kHttp2Client, "conn");
  }
  if (sides.server) layout.server_conn = at.offset(kHttp2Server, "conn");
  layout.fd_sysfd = at.offset(kNetFd, "pfd") + at.offset(kPollFd, "Sysfd");
  layout.fd_local = at.offset(kNetFd, "laddr");
  layout.fd_remote = at.offset(kNetFd, "raddr");
  return at.is_complete ? std::optional(layout) : std::nullopt;
}

std::optional<ks_go_layout> layout_from_releases(const BuildVersions& versions) {
  if (!versions.go || !versions.grpc) return std::nullopt;
  const auto go = std::ranges::find_if(kGoRows, [&](const GoRow& row) {
    return *versions.go >= row.first && *versions.go <= row.last;
  });
  const Release grpc = *versions.grpc;
  if (go == std::end(kGoRows) || grpc < kGrpcFirst || grpc > kGrpcLast) return std::nullopt;
  const StreamRow& stream = row_for(kStreamRows, grpc);
  return ks_go_layout{.goroutine_id = go->goroutine_id,
                      .parent_goroutine_id = go->parent_goroutine_id,
                      .stream_is_indirect = stream.is_indirect,
                      .stream_id = stream.id,
                      .stream_method = stream.method,
                      .stream_client = stream.client,
                      .client_conn = row_for(kClientConnRows, grpc).offset,
                      .server_conn = row_for(kServerConnRows, grpc).offset,
                      .fd_sysfd = kFdSysfd,
                      .fd_local = kFdLocal,
                      .fd_remote = kFdRemote,
                      .reserved = 0};
}

}  // namespace kernspan::golang
