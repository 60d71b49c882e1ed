#include "agent/grpc_core/library.h"

#include <array>
#include <optional>
#include <string>

#include "agent/golang/elf_file.h"

namespace kernspan::grpc_core {
namespace {

using golang::ElfFile;
using golang::ElfSection;

struct KnownBuild {
  std::string_view build_id;  // in hexadecimal digits
  ks_grpc_core_layout layout;
};

// Each was read from the instructions of exported functions that use the fields, and seen in the memory of a
// client and of a server: the Framer's constructor (its stream and compressor), grpc_chttp2_begin_write
// (compressor, stream id), grpc_chttp2_maybe_complete_recv_initial_metadata (what it waits for, and the metadata),
// grpc_tcp_fd (the table of functions). docs/architecture.md says how to add one.
constexpr std::array kKnownBuilds = {
    // Debian 12, libgrpc29 1.51.1-3+b1, amd64.
    KnownBuild{.build_id = "8325a7e552baef0bfc1629db007c59aeec792785",
               .layout = {.client_point = 0x2f0170,
                          .server_point = 0x2dd980,
                          .tcp_functions = 0x6a25c0,
                          .framer_stream_id = 0x0c,
                          .framer_compressor = 0x20,
                          .transport_endpoint = 0x18,
                          .transport_compressor = 0x500,
                          .tcp_fd = 0x10,
                          .stream_id = 0xc4,
                          .stream_ready = 0x118,
                          .stream_published = 0x1b0,
                          .stream_metadata = 0x1c0,
                          .path_bit = 0x800,
                          .path = 0x50,
                          .reserved = 0}},
};
static_assert(kKnownBuilds.size() <= KS_GRPC_CORE_LAYOUTS_MAX);

// The note's name and kind stand before it: 4 bytes each of their lengths and the kind, and "GNU".
constexpr std::size_t kNoteHeadBytes = 16;
constexpr std::size_t kNoteBytesMax = 256;

std::optional<std::string> build_id(const ElfFile& file) {
  const ElfSection* section = file.section(".note.gnu.build-id");
  if (section == nullptr) return std::nullopt;
  const auto note = file.contents(*section, kNoteBytesMax);
  if (!note || note->size() < kNoteHeadBytes) return std::nullopt;
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string digits;
  for (const char byte : std::string_view(*note).substr(kNoteHeadBytes)) {
    const auto value = static_cast<unsigned char>(byte);
    digits += kDigits[value >> 4];
    digits += kDigits[value & 15];
  }
  return digits;
}

}  // namespace

std::string_view refusal_name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kUnreadable:
      return "unreadable";
    case Refusal::kUnknownBuild:
      return "unknown_build";
  }
  return "unknown";
}

std::expected<Library, Refusal> inspect_library(int fd) {
  const auto file = ElfFile::open(fd);
  if (!file) return std::unexpected(Refusal::kUnreadable);
  const auto id = build_id(*file);
  for (std::size_t i = 0; id && i < kKnownBuilds.size(); ++i) {
    const KnownBuild& build = kKnownBuilds[i];
    if (build.build_id != *id) continue;
    const auto client = file->offset_of(build.layout.client_point);
    const auto server = file->offset_of(build.layout.server_point);
    if (!client || !server) return std::unexpected(Refusal::kUnreadable);
    return Library{.number = static_cast<std::uint32_t>(i),
                   .layout = build.layout,
                   .client_point = *client,
                   .server_point = *server};
  }
  return std::unexpected(Refusal::kUnknownBuild);
}

}  // namespace kernspan::grpc_core
