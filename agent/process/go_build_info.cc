#include "agent/process/go_build_info.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

namespace kernspan::process {
namespace {

// Of programs seen the most had 60 sections (with debug information split off by name).
constexpr std::size_t kSectionsMax = 1024;
constexpr std::size_t kNamesBytesMax = 65536;
// A length that takes one byte of varint. Releases have 8 bytes, builds of branches about 70.
constexpr std::size_t kVersionBytesMax = 127;

bool read_exactly(int fd, std::uint64_t offset, void* into, std::size_t size) {
  if (offset > INT64_MAX - size) return false;
  return pread(fd, into, size, static_cast<off_t>(offset)) == static_cast<ssize_t>(size);
}

// "go1.22.1 X:boringcrypto" -> "1.22.1"; "devel go1.23-abcdef" -> "1.23-abcdef"
std::string version_in(std::string_view text) {
  const std::size_t go = text.find("go");
  if (go == std::string_view::npos) return {};
  text.remove_prefix(go + 2);
  text = text.substr(0, text.find(' '));
  const bool plain = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
  return plain ? std::string(text) : std::string{};
}

std::string read_version(int fd, std::uint64_t offset, std::uint64_t section_bytes) {
  constexpr std::string_view kMagic = "\xff Go buildinf:";
  constexpr std::size_t kFlagsAt = 15;
  constexpr std::size_t kInlineAt = 32;
  std::array<char, kInlineAt + 1 + kVersionBytesMax> head{};
  const std::size_t size = std::min<std::uint64_t>(head.size(), section_bytes);
  if (size <= kInlineAt || !read_exactly(fd, offset, head.data(), size)) return {};
  const std::string_view bytes(head.data(), size);
  if (!bytes.starts_with(kMagic) || (bytes[kFlagsAt] & 2) == 0) return {};
  const auto length = static_cast<std::uint8_t>(bytes[kInlineAt]);
  if (length > kVersionBytesMax || kInlineAt + 1 + length > size) return {};
  return version_in(bytes.substr(kInlineAt + 1, length));
}

}  // namespace

GoBuildInfo read_go_build_info(int fd) {
  Elf64_Ehdr header;
  if (!read_exactly(fd, 0, &header, sizeof header)) return {};
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return {};
  }
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_shnum == 0 ||
      header.e_shnum > kSectionsMax || header.e_shstrndx >= header.e_shnum) {
    return {};
  }
  std::vector<Elf64_Shdr> sections(header.e_shnum);
  if (!read_exactly(fd, header.e_shoff, sections.data(), sections.size() * sizeof(Elf64_Shdr))) {
    return {};
  }
  const Elf64_Shdr& names_section = sections[header.e_shstrndx];
  std::string names(std::min<std::uint64_t>(names_section.sh_size, kNamesBytesMax), '\0');
  if (!read_exactly(fd, names_section.sh_offset, names.data(), names.size())) return {};

  GoBuildInfo info;
  for (const Elf64_Shdr& section : sections) {
    if (section.sh_name >= names.size()) continue;
    std::string_view name = std::string_view(names).substr(section.sh_name);
    name = name.substr(0, name.find('\0'));
    if (name == ".note.go.buildid") info.is_go = true;
    if (name == ".go.buildinfo") {
      info.is_go = true;
      info.version = read_version(fd, section.sh_offset, section.sh_size);
    }
  }
  return info;
}

}  // namespace kernspan::process
