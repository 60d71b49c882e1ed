// The layout of a program's structures, from its debug information or, without that, from the releases that
// it was built with.
#pragma once

#include <optional>

#include "agent/golang/build_versions.h"
#include "agent/golang/dwarf_structs.h"
#include "bpf/abi/go_layout.h"

namespace kernspan::golang {

// Which of the two sides the program has.
struct Sides {
  bool client = false;
  bool server = false;
};

// Nothing if a field that is needed is not there.
std::optional<ks_go_layout> layout_from_structs(const Structs& structs, Sides sides);

// The names of the structures that the former asks for.
std::span<const std::string_view> layout_structs();

// Nothing for releases that are not in the tables.
std::optional<ks_go_layout> layout_from_releases(const BuildVersions& versions);

}  // namespace kernspan::golang
