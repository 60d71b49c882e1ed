// Where the fields of a program's structures stand, as its debug information says. Format: DWARF 4 and 5, read by
// elfutils' libdw; Go compresses it, and gives every type its package's full path as its name.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/golang/elf_file.h"

namespace kernspan::golang {

struct Field {
  std::uint32_t offset = 0;
  bool is_pointer = false;
};
using Fields = std::map<std::string, Field, std::less<>>;
using Structs = std::map<std::string, Fields, std::less<>>;

// Of these structures, those that are described. Nothing without debug information, or where that is larger
// than what is read (32 MiB unpacked: it is held in memory meanwhile).
std::optional<Structs> read_structs(const ElfFile& file, std::span<const std::string_view> names);

}  // namespace kernspan::golang
