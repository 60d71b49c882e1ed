#include "agent/golang/elf_file.h"

#include <elf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

namespace kernspan::golang {
namespace {

// Of programs seen the most had 60 sections, and 10 segments.
constexpr std::size_t kSectionsMax = 1024;
constexpr std::size_t kSegmentsMax = 256;
constexpr std::size_t kNamesBytesMax = 65536;
// Relocations of a position-independent program: one for each pointer in its data.
constexpr std::size_t kRelocationsBytesMax = 64 << 20;

template <typename T>
std::vector<T> as_array(const std::string& bytes) {
  std::vector<T> items(bytes.size() / sizeof(T));
  // Null pointers are no arguments of memcpy, not even for nothing.
  if (!items.empty()) std::memcpy(items.data(), bytes.data(), items.size() * sizeof(T));
  return items;
}

}  // namespace

std::optional<std::string> ElfFile::read(std::uint64_t offset, std::size_t size) const {
  std::string bytes(size, '\0');
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got =
        pread(fd_, bytes.data() + done, size - done, static_cast<off_t>(offset + done));
    if (got <= 0) return std::nullopt;
    done += static_cast<std::size_t>(got);
  }
  return bytes;
}

std::optional<ElfFile> ElfFile::open(int fd) {
  ElfFile file(fd);
  const auto head = file.read(0, sizeof(Elf64_Ehdr));
  if (!head) return std::nullopt;
  const Elf64_Ehdr header = as_array<Elf64_Ehdr>(*head).front();
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
      header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_X86_64) {
    return std::nullopt;
  }
  if (header.e_shentsize != sizeof(Elf64_Shdr) || header.e_phentsize != sizeof(Elf64_Phdr) ||
      header.e_shnum > kSectionsMax || header.e_phnum > kSegmentsMax ||
      header.e_shstrndx >= header.e_shnum) {
    return std::nullopt;
  }
  const auto section_bytes = file.read(header.e_shoff, header.e_shnum * sizeof(Elf64_Shdr));
  const auto segment_bytes = file.read(header.e_phoff, header.e_phnum * sizeof(Elf64_Phdr));
  if (!section_bytes || !segment_bytes) return std::nullopt;
  for (const Elf64_Phdr& segment : as_array<Elf64_Phdr>(*segment_bytes)) {
    if (segment.p_type != PT_LOAD) continue;
    file.segments_.push_back({segment.p_vaddr, segment.p_offset, segment.p_filesz});
  }
  const auto headers = as_array<Elf64_Shdr>(*section_bytes);
  const Elf64_Shdr& names_section = headers[header.e_shstrndx];
  if (names_section.sh_size > kNamesBytesMax) return std::nullopt;
  const auto names = file.read(names_section.sh_offset, names_section.sh_size);
  if (!names) return std::nullopt;
  for (const Elf64_Shdr& section : headers) {
    if (section.sh_type == SHT_NOBITS || section.sh_name >= names->size()) continue;
    file.sections_.push_back({.name = names->c_str() + section.sh_name,
                              .address = section.sh_addr,
                              .offset = section.sh_offset,
                              .size = section.sh_size,
                              .is_compressed = (section.sh_flags & SHF_COMPRESSED) != 0});
  }
  return file;
}

const ElfSection* ElfFile::section(std::string_view name) const {
  const auto found = std::ranges::find(sections_, name, &ElfSection::name);
  return found == sections_.end() ? nullptr : &*found;
}

std::optional<std::string> ElfFile::contents(const ElfSection& section,
                                             std::size_t bytes_max) const {
  if (section.size > bytes_max) return std::nullopt;
  return read(section.offset, section.size);
}

std::optional<std::uint64_t> ElfFile::offset_of(std::uint64_t address) const {
  for (const Segment& segment : segments_) {
    if (address >= segment.address && address - segment.address < segment.file_bytes) {
      return segment.offset + (address - segment.address);
    }
  }
  return std::nullopt;
}

std::optional<std::string> ElfFile::loaded(std::uint64_t address, std::size_t size) const {
  const auto offset = offset_of(address);
  return offset ? read(*offset, size) : std::nullopt;
}

std::optional<std::uint64_t> ElfFile::relocated_word(std::uint64_t address) const {
  for (const ElfSection& section : sections_) {
    if (!section.name.starts_with(".rela")) continue;
    const auto bytes = contents(section, kRelocationsBytesMax);
    if (!bytes) continue;
    for (const Elf64_Rela& relocation : as_array<Elf64_Rela>(*bytes)) {
      if (relocation.r_offset == address && ELF64_R_TYPE(relocation.r_info) == R_X86_64_RELATIVE) {
        return static_cast<std::uint64_t>(relocation.r_addend);
      }
    }
  }
  return std::nullopt;
}

}  // namespace kernspan::golang
