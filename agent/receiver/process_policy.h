#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kernspan {

// Which programs are traced, by the name of their executable. Patterns are those of the shell
// (fnmatch): "nginx", "python3*".
struct ProcessPolicy {
  std::vector<std::string> include_executables;  // empty: all
  std::vector<std::string> exclude_executables;

  bool traces(std::string_view executable_name) const;
};

}  // namespace kernspan
