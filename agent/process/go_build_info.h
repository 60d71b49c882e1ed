// Whether an ELF executable was built by Go, and by which version, from its headers alone.
// Format: ELF-64 (gABI); the section .go.buildinfo (debug/buildinfo of the Go library): the 14
// bytes
// "\xff Go buildinf:", pointer size, flags; with flag 2 (Go 1.18 and later) a varint length and the
// version's text at offset 32. Older ones hold pointers instead: the version then stays unknown.
#pragma once

#include <string>

namespace kernspan::process {

struct GoBuildInfo {
  bool is_go = false;
  std::string version;  // "1.22.1"; empty when not known
};

// Reads at most 130 KiB of the file, and no more than the section headers, their names and the
// start of one section. What is not a little-endian ELF-64 file, or contradicts itself, is not Go.
GoBuildInfo read_go_build_info(int fd);

}  // namespace kernspan::process
