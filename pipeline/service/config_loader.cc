#include "pipeline/service/config_loader.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>
#include <string_view>
#include <utility>

namespace kernspan {
namespace {

constexpr std::size_t kLargestFileBytes = 16u << 20;  // a thousand times the largest known one

Result<std::string> read_file(const std::string& name) {
  std::ifstream in(name, std::ios::binary);
  std::string text;
  if (in) {
    text.resize(kLargestFileBytes + 1);
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
  }
  if (!in.eof()) {
    if (text.size() > kLargestFileBytes) {
      return permanent(fmt::format("{}: larger than {} bytes; is this a configuration?", name,
                                   kLargestFileBytes));
    }
    return permanent(fmt::format("{}: cannot be read: {}; check the path given to --config", name,
                                 std::strerror(errno)));
  }
  return text;
}

Result<ConfigNode> load_file(std::string name, const Environment& environment,
                             ConfigWarnings& warnings) {
  constexpr std::string_view kPrefix = "file:";
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  Result<std::string> text = read_file(name);
  if (!text) return std::unexpected(text.error());
  Result<ConfigNode> node = parse_config(*text, name, environment, warnings);
  if (node && !node->is_map() && !node->is_null()) {
    return permanent(
        fmt::format("{}: expected a map with receivers, exporters and service, found {}",
                    node->position().to_string(), node->describe()));
  }
  return node;
}

}  // namespace

Result<ConfigNode> load_config(const std::vector<std::string>& files,
                               const Environment& environment, ConfigWarnings& warnings) {
  if (files.empty())
    return permanent("no configuration; name at least one file with --config FILE");
  ConfigNode merged;
  std::string errors;
  for (const std::string& file : files) {
    Result<ConfigNode> node = load_file(file, environment, warnings);
    if (node) {
      // An empty file changes nothing; it would else erase what came before it.
      if (node->is_map() || merged.is_null()) merged.merge(*std::move(node));
      continue;
    }
    if (!errors.empty()) errors += '\n';
    errors += node.error().message;
  }
  if (!errors.empty()) return permanent(std::move(errors));
  return merged;
}

}  // namespace kernspan
