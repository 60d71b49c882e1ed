// Where a Go program's functions are, also after its symbols have been stripped: the run time needs the table
// itself. Format: .gopclntab of Go 1.18 and later (debug/gosym of the Go library):
//
//   header  u32 magic, u8[2] 0, u8 quantum, u8 pointer size, then words: functions, files, text start,
//           offset of the names, ..., offset of the functions (the eighth)
//   functions: (u32 entry - text start, u32 offset of the _func) of each, by address; then the end's u32
//   _func: u32 entry - text start, i32 offset of the name (ends with NUL), ...
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "agent/golang/elf_file.h"

namespace kernspan::golang {

struct Function {
  std::uint64_t address = 0;  // as the file is linked
  std::uint64_t size = 0;     // with the padding behind it
};

// Of these functions, those that the program has. Nothing if it has no such table, or one with contradictions.
std::optional<std::map<std::string, Function, std::less<>>> find_functions(
    const ElfFile& file, std::span<const std::string_view> names);

}  // namespace kernspan::golang
