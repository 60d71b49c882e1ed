#include "pipeline/service/config_loader.h"

#include <fmt/format.h>

#include <optional>
#include <string_view>
#include <utility>

#include "pipeline/component/config_file.h"

namespace kernspan {
namespace {

struct Source {
  std::string name;  // how positions call it
  std::string yaml;
};

Result<Source> open_source(const std::string& text, const Environment& environment) {
  const std::size_t colon = std::min(text.find(':'), text.size());
  const std::string_view scheme(text.data(), colon);
  const std::string rest = text.substr(std::min(colon + 1, text.size()));
  if (scheme == "yaml") return Source{"yaml", rest};
  if (scheme == "env") {
    std::optional<std::string> value = environment(rest);
    if (!value) return permanent(fmt::format("env:{}: the variable is not set", rest));
    return Source{text, *std::move(value)};
  }
  if (scheme == "http" || scheme == "https") {
    return permanent(fmt::format(
        "{}: the provider \"{}\" is not supported; fetch the file and give its path, so that a "
        "start depends on no server",
        text, scheme));
  }
  std::string path = scheme == "file" ? rest : text;
  Result<std::string> yaml = read_config_file(path);
  if (!yaml) return permanent(yaml.error().message + " (given to --config)");
  return Source{std::move(path), *std::move(yaml)};
}

// "exporters::debug: x" as "exporters: {debug: x}".
ConfigNode nest_key(std::string_view key, const ConfigPosition& position, ConfigNode value) {
  constexpr std::string_view kSeparator = "::";
  constexpr int kMostLevels = 32;  // what is left of the key then is nobody's
  for (int level = 1; level < kMostLevels; ++level) {
    const std::size_t end = key.rfind(kSeparator);
    if (end == std::string_view::npos) break;
    value = ConfigNode::map(
        position, {{std::string(key.substr(end + kSeparator.size())), position, std::move(value)}});
    key = key.substr(0, end);
  }
  return ConfigNode::map(position, {{std::string(key), position, std::move(value)}});
}

ConfigNode nest_keys(ConfigNode root) {
  ConfigNode nested = ConfigNode::map(root.position(), {});
  for (ConfigEntry& entry : root.entries()) {
    nested.merge(nest_key(entry.key, entry.position, std::move(entry.value)));
  }
  return nested;
}

Result<ConfigNode> load_source(const std::string& text, const Environment& environment,
                               ConfigWarnings& warnings) {
  Result<Source> source = open_source(text, environment);
  if (!source) return std::unexpected(source.error());
  Result<ConfigNode> node = parse_config(source->yaml, source->name, environment, warnings);
  if (!node || node->is_null()) return node;
  if (!node->is_map()) {
    return permanent(
        fmt::format("{}: expected a map with receivers, exporters and service, found {}",
                    node->position().to_string(), node->describe()));
  }
  return nest_keys(*std::move(node));
}

}  // namespace

Result<ConfigNode> load_config(const std::vector<std::string>& sources,
                               const Environment& environment, ConfigWarnings& warnings) {
  if (sources.empty()) {
    return permanent("no configuration; name at least one file with --config FILE");
  }
  ConfigNode merged;
  std::string errors;
  for (const std::string& source : sources) {
    Result<ConfigNode> node = load_source(source, environment, warnings);
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
