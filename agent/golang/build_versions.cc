#include "agent/golang/build_versions.h"

#include <charconv>

namespace kernspan::golang {
namespace {

// A program with 3,000 modules has 300 KB.
constexpr std::size_t kBuildInfoBytesMax = 1 << 20;
constexpr std::size_t kFlagsAt = 15;
constexpr std::size_t kTextsAt = 32;
constexpr std::string_view kMagic = "\xff Go buildinf:";
constexpr std::string_view kGrpc = "google.golang.org/grpc";

// Takes a length and that many bytes off the front; nothing if they are not there.
std::optional<std::string_view> take_text(std::string_view& bytes) {
  std::uint64_t length = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    if (bytes.empty()) return std::nullopt;
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    length |= std::uint64_t{byte & 0x7fu} << shift;
    if (byte < 0x80) {
      if (length > bytes.size()) return std::nullopt;
      const std::string_view text = bytes.substr(0, length);
      bytes.remove_prefix(length);
      return text;
    }
  }
  return std::nullopt;
}

// "1.22.1", "1.33.0-dev", "1.23 X:boringcrypto"
std::optional<Release> parse_release(std::string_view text) {
  Release release;
  const char* end = text.data() + text.size();
  const auto [dot, major] = std::from_chars(text.data(), end, release.major);
  if (major != std::errc() || dot == end || *dot != '.') return std::nullopt;
  const auto [rest, minor] = std::from_chars(dot + 1, end, release.minor);
  if (minor != std::errc()) return std::nullopt;
  return release;
}

std::optional<Release> grpc_release(std::string_view modules) {
  std::optional<Release> found;
  bool is_grpc = false;
  while (!modules.empty()) {
    std::string_view line = modules.substr(0, modules.find('\n'));
    modules.remove_prefix(std::min(modules.size(), line.size() + 1));
    const std::size_t tab = line.find('\t');
    if (tab == std::string_view::npos) continue;
    const std::string_view kind = line.substr(0, tab);
    if (kind == "=>") {
      if (is_grpc) return std::nullopt;
      continue;
    }
    line.remove_prefix(tab + 1);
    is_grpc = (kind == "dep" || kind == "mod") && line.starts_with(kGrpc) &&
              line.substr(kGrpc.size()).starts_with("\tv");
    if (is_grpc) found = parse_release(line.substr(kGrpc.size() + 2));
  }
  return found;
}

}  // namespace

BuildVersions read_build_versions(const ElfFile& file) {
  const ElfSection* section = file.section(".go.buildinfo");
  if (!section) return {};
  const auto contents = file.contents(*section, kBuildInfoBytesMax);
  if (!contents || contents->size() <= kTextsAt || !contents->starts_with(kMagic) ||
      ((*contents)[kFlagsAt] & 2) == 0) {
    return {};
  }
  std::string_view bytes = std::string_view(*contents).substr(kTextsAt);
  const auto version = take_text(bytes);
  if (!version) return {};
  BuildVersions versions;
  if (version->starts_with("go")) versions.go = parse_release(version->substr(2));
  if (const auto modules = take_text(bytes)) versions.grpc = grpc_release(*modules);
  return versions;
}

}  // namespace kernspan::golang
