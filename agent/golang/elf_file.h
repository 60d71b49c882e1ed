// The parts of an ELF-64 executable that say where a Go program's functions are. Reads by pread: the file
// may be truncated under us, and is not trusted. Format: gABI, chapters 4 and 5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::golang {

struct ElfSection {
  std::string name;
  std::uint64_t address = 0;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  bool is_compressed = false;
};

class ElfFile {
 public:
  // The descriptor is borrowed. Nothing if it is no little-endian x86-64 executable, or has contradictions.
  static std::optional<ElfFile> open(int fd);

  const ElfSection* section(std::string_view name) const;
  const std::vector<ElfSection>& sections() const { return sections_; }

  // A section's bytes as they are in the file; nothing if there are more than `bytes_max`.
  std::optional<std::string> contents(const ElfSection& section, std::size_t bytes_max) const;

  // `size` bytes of a loaded segment, by the address that the file is linked for.
  std::optional<std::string> loaded(std::uint64_t address, std::size_t size) const;

  // Where in the file the byte of that address is.
  std::optional<std::uint64_t> offset_of(std::uint64_t address) const;

  // What the dynamic linker will write to `address`, relative to where it loads the program; nothing if it does
  // not.
  std::optional<std::uint64_t> relocated_word(std::uint64_t address) const;

  int fd() const { return fd_; }

 private:
  struct Segment {
    std::uint64_t address;
    std::uint64_t offset;
    std::uint64_t file_bytes;
  };

  explicit ElfFile(int fd) : fd_(fd) {}
  std::optional<std::string> read(std::uint64_t offset, std::size_t size) const;

  int fd_;
  std::vector<ElfSection> sections_;
  std::vector<Segment> segments_;
};

}  // namespace kernspan::golang
