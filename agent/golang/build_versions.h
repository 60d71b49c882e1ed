// Which Go built a program, and with which release of a module. Format: .go.buildinfo of Go 1.18 and later
// (debug/buildinfo of the Go library): 32 bytes ("\xff Go buildinf:", pointer size, flags, zeros); with
// flag 2 two texts follow, each after its length (varint): the version, and the modules between two
// markers of 16 bytes, a line each: "dep\t<path>\t<version>\t<hash>"; "=>\t..." says what replaced the one before.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "agent/golang/elf_file.h"

namespace kernspan::golang {

// The first two numbers of a release, "1.33.3" being {1, 33}.
struct Release {
  int major = 0;
  int minor = 0;
  auto operator<=>(const Release&) const = default;
};

struct BuildVersions {
  std::optional<Release> go;  // of a release; nothing for development versions, and before 1.18
  std::optional<Release>
      grpc;  // google.golang.org/grpc, as published: not replaced by another source
};

BuildVersions read_build_versions(const ElfFile& file);

}  // namespace kernspan::golang
