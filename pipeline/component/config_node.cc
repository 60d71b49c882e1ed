#include "pipeline/component/config_node.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace kernspan {
namespace {

bool all_of(std::string_view text, std::string_view allowed) {
  return !text.empty() && text.find_first_not_of(allowed) == std::string_view::npos;
}

bool is_integer(std::string_view text) {
  if (text.starts_with("0x")) return all_of(text.substr(2), "0123456789abcdefABCDEF");
  if (text.starts_with("0o")) return all_of(text.substr(2), "01234567");
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  return all_of(text, "0123456789");
}

bool is_number(std::string_view text) {
  if (text.starts_with('-') || text.starts_with('+')) text.remove_prefix(1);
  constexpr std::array kNames = {".inf", ".Inf", ".INF", ".nan", ".NaN", ".NAN"};
  if (std::ranges::find(kNames, text) != kNames.end()) return true;
  if (!all_of(text.substr(0, 1), "0123456789.")) return false;  // from_chars also reads "inf"
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error != std::errc::invalid_argument && end == text.data() + text.size();
}

}  // namespace

std::string ConfigPosition::to_string() const {
  const std::string name = file ? *file : "config";
  return line == 0 ? name : fmt::format("{}:{}:{}", name, line, column);
}

ConfigNode ConfigNode::null(ConfigPosition position) {
  ConfigNode node;
  node.position_ = std::move(position);
  return node;
}

ConfigNode ConfigNode::scalar(ConfigPosition position, std::string text, std::string shown,
                              bool quoted) {
  ConfigNode node;
  node.kind_ = Kind::kScalar;
  node.quoted_ = quoted;
  node.position_ = std::move(position);
  node.text_ = std::move(text);
  node.shown_ = std::move(shown);
  return node;
}

ConfigNode ConfigNode::list(ConfigPosition position, std::vector<ConfigNode> items) {
  ConfigNode node;
  node.kind_ = Kind::kList;
  node.position_ = std::move(position);
  node.items_ = std::move(items);
  return node;
}

ConfigNode ConfigNode::map(ConfigPosition position, std::vector<ConfigEntry> entries) {
  ConfigNode node;
  node.kind_ = Kind::kMap;
  node.position_ = std::move(position);
  node.entries_ = std::move(entries);
  return node;
}

void ConfigNode::set_origin(std::string text, std::string shown) {
  text_ = std::move(text);
  shown_ = std::move(shown);
}

const ConfigNode* ConfigNode::find(std::string_view key) const {
  const auto entry = std::ranges::find(entries_, key, &ConfigEntry::key);
  return entry == entries_.end() ? nullptr : &entry->value;
}

ConfigNode* ConfigNode::find(std::string_view key) {
  return const_cast<ConfigNode*>(std::as_const(*this).find(key));
}

ConfigNode& ConfigNode::set(std::string_view key, const ConfigPosition& position,
                            ConfigNode value) {
  if (!is_map()) *this = map(position_, {});
  if (ConfigNode* old = find(key)) {
    *old = std::move(value);
    return *old;
  }
  entries_.push_back({std::string(key), position, std::move(value)});
  return entries_.back().value;
}

void ConfigNode::erase(std::string_view key) {
  std::erase_if(entries_, [key](const ConfigEntry& entry) { return entry.key == key; });
}

void ConfigNode::append(ConfigNode item) {
  if (!is_list()) *this = list(position_, {});
  items_.push_back(std::move(item));
}

void ConfigNode::merge(ConfigNode other) {
  if (!is_map() || !other.is_map()) {
    *this = std::move(other);
    return;
  }
  for (ConfigEntry& entry : other.entries_) {
    const auto mine = std::ranges::find(entries_, entry.key, &ConfigEntry::key);
    if (mine == entries_.end()) {
      entries_.push_back(std::move(entry));
    } else {
      mine->position = std::move(entry.position);
      mine->value.merge(std::move(entry.value));
    }
  }
}

std::string ConfigNode::describe() const {
  if (expanded()) return fmt::format("\"{}\"", shown_);
  switch (kind_) {
    case Kind::kNull:
      return "nothing";
    case Kind::kList:
      return "a list";
    case Kind::kMap:
      return "a map";
    case Kind::kScalar:
      break;
  }
  const ScalarType type = quoted_ ? ScalarType::kString : scalar_type(shown_);
  switch (type) {
    case ScalarType::kNull:
      return "nothing";
    case ScalarType::kBoolean:
      return fmt::format("the boolean {}", shown_);
    case ScalarType::kInteger:
      return fmt::format("the integer {}", shown_);
    case ScalarType::kNumber:
      return fmt::format("the number {}", shown_);
    case ScalarType::kString:
      break;
  }
  return fmt::format("\"{}\"", shown_);
}

ScalarType scalar_type(std::string_view text) {
  constexpr std::array kNulls = {"", "~", "null", "Null", "NULL"};
  constexpr std::array kBooleans = {"true", "True", "TRUE", "false", "False", "FALSE"};
  if (std::ranges::find(kNulls, text) != kNulls.end()) return ScalarType::kNull;
  if (std::ranges::find(kBooleans, text) != kBooleans.end()) return ScalarType::kBoolean;
  if (is_integer(text)) return ScalarType::kInteger;
  if (is_number(text)) return ScalarType::kNumber;
  return ScalarType::kString;
}

std::string ConfigDeviation::as_warning() const {
  return fmt::format("{}: {}; {}; {}", position.to_string(), what, read_as, fix);
}

std::string ConfigDeviation::as_error() const {
  return fmt::format("{}: {}; {}", position.to_string(), what, fix);
}

void ConfigWarnings::add(const ConfigPosition& position, std::string_view message) {
  messages.push_back(fmt::format("{}: {}", position.to_string(), message));
}

}  // namespace kernspan
