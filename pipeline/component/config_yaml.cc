#include "pipeline/component/config_yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <utility>
#include <vector>

#include "pipeline/component/config_expansion.h"

namespace kernspan {
namespace {

// Aliases let a short document stand for a huge tree, and so do references to one long variable.
// The largest known collector configurations have some thousand nodes.
constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kMostTextBytes = 64u << 20;
constexpr std::size_t kMostKeys = 10'000;  // of one map
constexpr int kDeepestNesting = 64;
constexpr int kDeepestIncludes = 8;  // of files in files
constexpr std::size_t kMostErrors = 50;

// What one document may come to, with everything that it refers to.
struct Budget {
  std::size_t nodes = 0;
  std::size_t text_bytes = 0;
  bool is_exceeded = false;

  // Whether there is room for one more value.
  bool take(std::size_t bytes) {
    text_bytes += bytes;
    if (++nodes > kMostNodes || text_bytes > kMostTextBytes) is_exceeded = true;
    return !is_exceeded;
  }
};

// Copies a yaml-cpp tree into ConfigNodes, expanding scalars on the way. May throw YAML::Exception.
class Converter {
 public:
  Converter(std::shared_ptr<const std::string> file, const Environment& environment,
            ConfigWarnings& warnings, Budget& budget, int includes)
      : file_(std::move(file)),
        environment_(environment),
        warnings_(warnings),
        budget_(budget),
        includes_(includes) {}

  // All nodes get the position and the shown text of the reference that `value` came from.
  Converter(const ConfigPosition& reference, std::string shown, const Environment& environment,
            ConfigWarnings& warnings, Budget& budget)
      : environment_(environment),
        warnings_(warnings),
        budget_(budget),
        reference_(reference),
        shown_(std::move(shown)) {}

  // `fallback` is where an empty value stands: its key. Its own mark is that of the next token.
  ConfigNode convert(const YAML::Node& yaml, const ConfigPosition& fallback, int depth = 0) {
    const ConfigPosition position = position_of(yaml, fallback);
    if (depth > kDeepestNesting) budget_.is_exceeded = true;
    if (!budget_.take(yaml.IsScalar() ? yaml.Scalar().size() : 0)) {
      if (!std::exchange(has_told_, true)) {
        add_error(position, fmt::format("the configuration has more than {} values, {} bytes of "
                                        "text or {} levels; look for aliases that multiply",
                                        kMostNodes, kMostTextBytes, kDeepestNesting));
      }
      return ConfigNode::null(position);
    }
    switch (yaml.Type()) {
      case YAML::NodeType::Scalar:
        return convert_scalar(yaml, position);
      case YAML::NodeType::Sequence:
        return convert_list(yaml, position, depth);
      case YAML::NodeType::Map:
        return convert_map(yaml, position, depth);
      case YAML::NodeType::Null:
      case YAML::NodeType::Undefined:
        break;
    }
    return ConfigNode::null(position);
  }

  const std::vector<std::string>& errors() const { return errors_; }

 private:
  ConfigPosition position_of(const YAML::Node& yaml, const ConfigPosition& fallback) const {
    if (reference_.file) return reference_;
    const YAML::Mark mark = yaml.Mark();
    if (mark.is_null() || yaml.IsNull()) return fallback;
    return {file_, mark.line + 1, mark.column + 1};
  }

  void add_error(const ConfigPosition& position, std::string_view message) {
    if (errors_.size() < kMostErrors) {
      errors_.push_back(fmt::format("{}: {}", position.to_string(), message));
    }
  }

  ConfigNode convert_scalar(const YAML::Node& yaml, const ConfigPosition& position) {
    const std::string& text = yaml.Scalar();
    const bool quoted = yaml.Tag() == "!" || yaml.Tag() == "tag:yaml.org,2002:str";
    if (!shown_.empty()) return ConfigNode::scalar(position, text, shown_, quoted);
    if (!text.contains('$')) return ConfigNode::scalar(position, text, text, quoted);
    Result<Expansion> expansion = expand_references(text, environment_, position, warnings_);
    if (!expansion) {
      add_error(position, expansion.error().message);
      return ConfigNode::null(position);
    }
    budget_.text_bytes += expansion->text.size();
    if (expansion->is_one_reference) {
      ConfigNode node = expansion->file.empty() ? convert_reference(expansion->text, text, position)
                                                : convert_file(*expansion, position);
      if (!node.is_null()) {
        node.set_origin(expansion->text, text);
        return node;
      }
    }
    return ConfigNode::scalar(position, std::move(expansion->text), text, quoted);
  }

  // The list or map that an environment variable holds as YAML; null when it holds anything else.
  ConfigNode convert_reference(const std::string& value, const std::string& shown,
                               const ConfigPosition& position) {
    try {
      const YAML::Node yaml = YAML::Load(value);
      if (!yaml.IsSequence() && !yaml.IsMap()) return {};
      Converter converter(position, shown, environment_, warnings_, budget_);
      ConfigNode node = converter.convert(yaml, position);
      return converter.errors().empty() ? std::move(node) : ConfigNode();
    } catch (const YAML::Exception&) {
      return {};  // a string that happens not to be YAML: a password, say
    }
  }

  // The list or map that a file holds: a part of the configuration, whose own references count. Null
  // when it holds anything else.
  ConfigNode convert_file(const Expansion& included, const ConfigPosition& position) {
    YAML::Node yaml;
    try {
      yaml = YAML::Load(included.text);
    } catch (const YAML::Exception&) {
      return {};
    }
    if (!yaml.IsSequence() && !yaml.IsMap()) return {};
    if (includes_ == kDeepestIncludes) {
      add_error(position,
                fmt::format("files refer to each other more than {} deep", kDeepestIncludes));
      return {};
    }
    const auto name = std::make_shared<const std::string>(included.file);
    Converter converter(name, environment_, warnings_, budget_, includes_ + 1);
    ConfigNode node = converter.convert(yaml, {name, 1, 1});
    for (const std::string& error : converter.errors()) {
      if (errors_.size() < kMostErrors) errors_.push_back(error);
    }
    return node;
  }

  ConfigNode convert_list(const YAML::Node& yaml, const ConfigPosition& position, int depth) {
    std::vector<ConfigNode> items;
    for (const YAML::Node& item : yaml) items.push_back(convert(item, position, depth + 1));
    return ConfigNode::list(position, std::move(items));
  }

  ConfigNode convert_map(const YAML::Node& yaml, const ConfigPosition& position, int depth) {
    std::vector<ConfigEntry> entries;
    std::vector<ConfigNode> merged;  // values of "<<"
    if (yaml.size() > kMostKeys) {
      add_error(position, fmt::format("a map has at most {} keys", kMostKeys));
      return ConfigNode::null(position);
    }
    for (const auto& pair : yaml) {
      const ConfigPosition key_position = position_of(pair.first, position);
      if (!pair.first.IsScalar()) {
        add_error(key_position, "a key must be a plain word");
        continue;
      }
      const std::string& key = pair.first.Scalar();
      ConfigNode value = convert(pair.second, key_position, depth + 1);
      if (key == "<<" && pair.first.Tag() != "!") {  // not in quotes
        merged.push_back(std::move(value));
        continue;
      }
      const auto same = std::ranges::find(entries, key, &ConfigEntry::key);
      if (same != entries.end()) {
        add_error(key_position,
                  fmt::format("the key \"{}\" stands here a second time (first in line "
                              "{}); remove or rename one",
                              key, same->position.line));
        continue;
      }
      entries.push_back({key, key_position, std::move(value)});
    }
    ConfigNode map = ConfigNode::map(position, std::move(entries));
    for (const ConfigNode& below : merged) map = apply_merge_key(below, std::move(map));
    return map;
  }

  // YAML's "<<": the keys of `below`, a map or a list of maps, where the map has none of its own.
  ConfigNode apply_merge_key(const ConfigNode& below, ConfigNode map) {
    if (below.is_list()) {
      for (const ConfigNode& item : below.items()) map = apply_merge_key(item, std::move(map));
      return map;
    }
    if (!below.is_map()) {
      add_error(below.position(), "\"<<\" takes a map or a list of maps");
      return map;
    }
    std::vector<ConfigEntry> entries = map.entries();
    for (const ConfigEntry& entry : below.entries()) {
      if (map.find(entry.key) == nullptr) entries.push_back(entry);
    }
    return ConfigNode::map(map.position(), std::move(entries));
  }

  std::shared_ptr<const std::string> file_;
  const Environment& environment_;
  ConfigWarnings& warnings_;
  Budget& budget_;
  const int includes_ = 0;  // how many files led here
  ConfigPosition reference_;
  std::string shown_;
  bool has_told_ = false;
  std::vector<std::string> errors_;
};

}  // namespace

Environment process_environment() {
  return [](std::string_view name) -> std::optional<std::string> {
    const char* value = std::getenv(std::string(name).c_str());
    if (value == nullptr) return std::nullopt;
    return value;
  };
}

Result<ConfigNode> parse_config(std::string_view yaml, std::string file,
                                const Environment& environment, ConfigWarnings& warnings) {
  auto name = std::make_shared<const std::string>(std::move(file));
  const ConfigPosition start{name, 1, 1};
  // yaml-cpp reports by exceptions; this is where they end.
  try {
    Budget budget;
    Converter converter(name, environment, warnings, budget, 0);
    ConfigNode root = converter.convert(YAML::Load(std::string(yaml)), start);
    if (budget.is_exceeded && converter.errors().empty()) {
      return permanent(start.to_string() + ": a reference holds too many values");
    }
    if (!converter.errors().empty()) {
      return permanent(fmt::format("{}", fmt::join(converter.errors(), "\n")));
    }
    return root;
  } catch (const YAML::Exception& exception) {
    const ConfigPosition position{name, exception.mark.line + 1, exception.mark.column + 1};
    return permanent(fmt::format("{}: not valid YAML: {}; look at the indentation and quotes there",
                                 position.to_string(), exception.msg));
  }
}

}  // namespace kernspan
