#include "pipeline/otlp/pem_file.h"

#include <fmt/format.h>

#include <cerrno>
#include <fstream>
#include <iterator>
#include <system_error>

namespace kernspan::otlp {

Result<std::string> read_pem_file(const std::string& path) {
  if (path.empty()) return std::string();
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return permanent(
        fmt::format("cannot open {}: {}", path, std::generic_category().message(errno)));
  }
  std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.find("-----BEGIN ") == std::string::npos) {
    return permanent(fmt::format("{} is not a PEM file: it has no BEGIN line", path));
  }
  return text;
}

}  // namespace kernspan::otlp
