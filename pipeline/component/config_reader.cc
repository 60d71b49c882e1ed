#include "pipeline/component/config_reader.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

#include "pipeline/base/duration.h"
#include "pipeline/base/edit_distance.h"

namespace kernspan {
namespace {

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

// A whole number as YAML writes it: decimal, 0x or 0o.
template <typename T>
std::optional<T> parse_integer(std::string_view text) {
  int base = 10;
  if (text.starts_with("0x")) base = 16;
  if (text.starts_with("0o")) base = 8;
  if (base != 10) text.remove_prefix(2);
  if (text.starts_with('+')) text.remove_prefix(1);
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<double> parse_number(std::string_view text) {
  if (text.starts_with('+')) text.remove_prefix(1);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::array kUnits = {
      Unit{"KiB", 1ull << 10},
      Unit{"MiB", 1ull << 20},
      Unit{"GiB", 1ull << 30},
      Unit{"kB", 1'000},
      Unit{"MB", 1'000'000},
      Unit{"GB", 1'000'000'000},
      Unit{"B", 1},
  };
  std::uint64_t unit = 1;
  for (const Unit& candidate : kUnits) {
    if (!text.ends_with(candidate.name)) continue;
    unit = candidate.bytes;
    text = trim(text.substr(0, text.size() - candidate.name.size()));
    break;
  }
  const std::optional<std::uint64_t> count = parse_integer<std::uint64_t>(text);
  if (!count || *count > std::numeric_limits<std::uint64_t>::max() / unit) return std::nullopt;
  return *count * unit;
}

bool is_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return false;
  const std::string_view host = text.substr(0, colon);
  // An IPv6 address must stand in brackets, else its last group would be taken for the port.
  const bool bracketed = host.starts_with('[') && host.ends_with(']');
  if (host.contains(':') && !bracketed) return false;
  if (host.find_first_of("/ ") != std::string_view::npos) return false;
  return parse_integer<std::uint16_t>(text.substr(colon + 1)).has_value();
}

}  // namespace

std::string ConfigError::to_string() const {
  return fmt::format("{}: {}", position.to_string(), message);
}

ConfigReader::ConfigReader(const ConfigNode& node, ConfigWarnings& warnings, std::string path)
    : ConfigReader(node, warnings, std::move(path), std::make_shared<std::vector<ConfigError>>()) {}

ConfigReader::ConfigReader(const ConfigNode& node, ConfigWarnings& warnings, std::string path,
                           std::shared_ptr<std::vector<ConfigError>> errors)
    : node_(node), warnings_(warnings), path_(std::move(path)), errors_(std::move(errors)) {
  if (!node.is_map() && !node.is_null()) {
    errors_->push_back(
        {ConfigErrorKind::kWrongType, node.position(),
         fmt::format("{}: expected a map of settings, found {}", path_, node.describe())});
  }
}

bool ConfigReader::has(std::string_view key) const {
  const ConfigNode* node = node_.find(key);
  return node != nullptr && !node->is_null();
}

const ConfigNode* ConfigReader::take(std::string_view key) {
  known_.emplace(key);
  return has(key) ? node_.find(key) : nullptr;
}

const ConfigNode* ConfigReader::take_scalar(std::string_view key, std::string_view expected) {
  const ConfigNode* node = take(key);
  if (node == nullptr) return nullptr;
  // What an environment variable holds can always be read as its text, even where it is YAML.
  if (node->is_scalar() || node->expanded()) return node;
  wrong_type(key, *node, expected);
  return nullptr;
}

const ConfigNode* ConfigReader::take_plain(std::string_view key, std::string_view expected) {
  const ConfigNode* node = take_scalar(key, expected);
  if (node == nullptr) return nullptr;
  if (node->expanded()) return node->text().empty() ? nullptr : node;  // unset: as if absent
  if (!node->quoted()) return node;
  wrong_type(key, *node, expected);
  return nullptr;
}

void ConfigReader::add_error(ConfigErrorKind kind, const ConfigPosition& position,
                             std::string_view key, std::string_view message) {
  const std::string_view separator = path_.empty() || key.empty() ? "" : "::";
  errors_->push_back({kind, position, fmt::format("{}{}{}: {}", path_, separator, key, message)});
}

void ConfigReader::wrong_type(std::string_view key, const ConfigNode& node,
                              std::string_view expected) {
  add_error(ConfigErrorKind::kWrongType, node.position(), key,
            fmt::format("expected {}, found {}", expected, node.describe()));
}

void ConfigReader::bad_value(std::string_view key, const ConfigNode& node,
                             std::string_view message) {
  add_error(ConfigErrorKind::kBadValue, node.position(), key, message);
}

void ConfigReader::string(std::string_view key, std::string* value) {
  const ConfigNode* node = take_scalar(key, "a string");
  if (node == nullptr) return;
  if (!node->expanded() && !node->quoted() && scalar_type(node->text()) != ScalarType::kString) {
    warnings_.deviations.push_back(
        {"plain_as_string", node->position(),
         fmt::format("{}: expected type 'string', found {}", name_of(key), node->describe()),
         "read as a string", "put it in quotes"});
  }
  *value = node->text();
}

void ConfigReader::secret(std::string_view key, std::string* value) {
  warnings_.secret_paths.insert(name_of(key));
  const ConfigNode* node = take(key);
  if (node == nullptr) return;
  if (!node->is_scalar() && !node->expanded()) return wrong_type(key, *node, "a string");
  *value = node->text();
}

void ConfigReader::boolean(std::string_view key, bool* value) {
  constexpr std::string_view kExpected = "true or false";
  const ConfigNode* node = take_plain(key, kExpected);
  if (node == nullptr) return;
  if (scalar_type(node->text()) != ScalarType::kBoolean) return wrong_type(key, *node, kExpected);
  *value = node->text().front() == 't' || node->text().front() == 'T';
}

void ConfigReader::number(std::string_view key, double* value, double min, double max) {
  constexpr std::string_view kExpected = "a number";
  const ConfigNode* node = take_plain(key, kExpected);
  if (node == nullptr) return;
  const std::optional<double> read = parse_number(node->text());
  if (!read) return wrong_type(key, *node, kExpected);
  // Written so that NaN is out of every range.
  if (!(*read >= min && *read <= max)) {
    return bad_value(key, *node,
                     fmt::format("{} is out of range; use {} to {}", node->shown(), min, max));
  }
  *value = *read;
}

void ConfigReader::duration(std::string_view key, std::chrono::nanoseconds* value,
                            std::chrono::nanoseconds min, std::chrono::nanoseconds max) {
  constexpr std::string_view kExpected = "a duration such as 300ms, 10s or 1h30m";
  const ConfigNode* node = take_scalar(key, kExpected);
  if (node == nullptr || (node->expanded() && node->text().empty())) return;
  const std::optional<std::chrono::nanoseconds> read = parse_duration(node->text());
  if (!read) {
    const bool lacks_unit = scalar_type(node->text()) == ScalarType::kInteger;
    return add_error(ConfigErrorKind::kWrongType, node->position(), key,
                     fmt::format("expected {}, found {}{}", kExpected, node->describe(),
                                 lacks_unit ? "; add a unit" : ""));
  }
  if (*read < min || *read > max) {
    return bad_value(key, *node,
                     fmt::format("{} is out of range; use {} to {}", node->shown(),
                                 format_duration(min), format_duration(max)));
  }
  *value = *read;
}

void ConfigReader::bytes(std::string_view key, std::uint64_t* value, std::uint64_t min,
                         std::uint64_t max) {
  constexpr std::string_view kExpected = "a number of bytes such as 524288 or 512KiB";
  const ConfigNode* node = take_scalar(key, kExpected);
  if (node == nullptr || (node->expanded() && node->text().empty())) return;
  const std::optional<std::uint64_t> read = parse_bytes(node->text());
  if (!read) return wrong_type(key, *node, kExpected);
  if (*read < min || *read > max) {
    return bad_value(
        key, *node, fmt::format("{} is out of range; use {} to {} bytes", node->shown(), min, max));
  }
  *value = *read;
}

void ConfigReader::endpoint(std::string_view key, std::string* value) {
  const ConfigNode* node = take_scalar(key, "a string");
  if (node == nullptr) return;
  if (!is_endpoint(node->text())) {
    return bad_value(
        key, *node,
        fmt::format("\"{}\" is not host:port; write for example 0.0.0.0:4317 or [::]:4317",
                    node->shown()));
  }
  *value = node->text();
}

bool ConfigReader::read_int64(std::string_view key, std::int64_t* value, std::int64_t min,
                              std::int64_t max) {
  return read_integer(key, value, min, max);
}

bool ConfigReader::read_uint64(std::string_view key, std::uint64_t* value, std::uint64_t min,
                               std::uint64_t max) {
  return read_integer(key, value, min, max);
}

template <typename T>
bool ConfigReader::read_integer(std::string_view key, T* value, T min, T max) {
  constexpr std::string_view kExpected = "an integer";
  const ConfigNode* node = take_plain(key, kExpected);
  if (node == nullptr) return false;
  if (scalar_type(node->text()) != ScalarType::kInteger) {
    wrong_type(key, *node, kExpected);
    return false;
  }
  const std::optional<T> read = parse_integer<T>(node->text());
  if (!read || *read < min || *read > max) {
    bad_value(key, *node, fmt::format("{} is out of range; use {} to {}", node->shown(), min, max));
    return false;
  }
  *value = *read;
  return true;
}

void ConfigReader::bad_choice(std::string_view key, const ConfigNode& node,
                              const std::vector<std::string_view>& choices) {
  bad_value(key, node, fmt::format("\"{}\" is none of {}", node.shown(), fmt::join(choices, ", ")));
}

void ConfigReader::string_list(std::string_view key, std::vector<std::string>* value) {
  constexpr std::string_view kExpected = "a list of strings";
  const ConfigNode* node = take(key);
  if (node == nullptr) return;
  std::vector<std::string> read;
  if (node->is_scalar()) {
    std::string_view rest = node->text();
    while (!rest.empty()) {
      const std::size_t comma = std::min(rest.find(','), rest.size());
      read.emplace_back(trim(rest.substr(0, comma)));
      rest.remove_prefix(std::min(comma + 1, rest.size()));
    }
  } else if (node->is_list()) {
    for (const ConfigNode& item : node->items()) {
      if (!item.is_scalar()) return wrong_type(key, item, kExpected);
      read.push_back(item.text());
    }
  } else {
    return wrong_type(key, *node, kExpected);
  }
  *value = std::move(read);
}

void ConfigReader::string_map(std::string_view key, std::map<std::string, std::string>* value) {
  constexpr std::string_view kExpected = "a map of strings";
  warnings_.secret_paths.insert(name_of(key));
  const ConfigNode* node = take(key);
  if (node == nullptr) return;
  if (!node->is_map()) {
    return add_error(ConfigErrorKind::kWrongType, node->position(), key,
                     fmt::format("expected {}, found {}", kExpected,
                                 node->is_list() ? "a list" : "a single value"));
  }
  std::map<std::string, std::string> read;
  for (const ConfigEntry& entry : node->entries()) {
    if (!entry.value.is_scalar() && !entry.value.is_null() && !entry.value.expanded()) {
      return add_error(ConfigErrorKind::kWrongType, entry.value.position(), key,
                       fmt::format("expected {}, found {} for \"{}\"", kExpected,
                                   entry.value.is_list() ? "a list" : "a map", entry.key));
    }
    read.emplace(entry.key, entry.value.text());
  }
  *value = std::move(read);
}

ConfigReader& ConfigReader::subsection(const ConfigNode& node, std::string path) {
  sections_.push_back(
      std::unique_ptr<ConfigReader>(new ConfigReader(node, warnings_, std::move(path), errors_)));
  return *sections_.back();
}

ConfigReader& ConfigReader::section(std::string_view key) {
  const ConfigNode* node = take(key);
  if (node != nullptr) return subsection(*node, name_of(key));
  // Written without a value, it stands at its key; else where the section it belongs to stands.
  const ConfigNode* written = node_.find(key);
  absent_.push_back(ConfigNode::null(written != nullptr ? written->position() : node_.position()));
  return subsection(absent_.back(), name_of(key));
}

std::vector<ConfigReader*> ConfigReader::sections(std::string_view key) {
  std::vector<ConfigReader*> readers;
  const ConfigNode* node = take(key);
  if (node == nullptr) return readers;
  if (!node->is_list()) {
    wrong_type(key, *node, "a list");
    return readers;
  }
  for (const ConfigNode& item : node->items()) {
    readers.push_back(&subsection(item, fmt::format("{}[{}]", name_of(key), readers.size())));
  }
  return readers;
}

const ConfigNode* ConfigReader::node(std::string_view key) {
  return take(key);
}

void ConfigReader::ignored(std::string_view key, std::string_view why) {
  if (take(key) != nullptr) warning(key, fmt::format("has no effect here: {}", why));
}

void ConfigReader::error(std::string_view key, std::string_view message) {
  const ConfigNode* node = node_.find(key);
  add_error(ConfigErrorKind::kBadValue, node != nullptr ? node->position() : node_.position(), key,
            message);
}

void ConfigReader::add_problem(const ConfigPosition& position, std::string message) {
  errors_->push_back({ConfigErrorKind::kBadValue, position, std::move(message)});
}

void ConfigReader::warning(std::string_view key, std::string_view message) {
  const ConfigNode* node = node_.find(key);
  warnings_.add(node != nullptr ? node->position() : node_.position(),
                fmt::format("{}: {}", name_of(key), message));
}

void ConfigReader::deviation(std::string_view key, std::string_view rule, std::string_view what,
                             std::string read_as, std::string fix) {
  const ConfigNode* node = node_.find(key);
  warnings_.deviations.push_back({rule, node != nullptr ? node->position() : node_.position(),
                                  fmt::format("{}: {}", name_of(key), what), std::move(read_as),
                                  std::move(fix)});
}

void ConfigReader::require(std::string_view key, std::string_view what_to_do) {
  if (has(key)) return;
  add_error(ConfigErrorKind::kBadValue, node_.position(), key,
            fmt::format("is required and missing; {}", what_to_do));
}

std::string ConfigReader::name_of(std::string_view key) const {
  if (path_.empty()) return std::string(key);
  return fmt::format("{}::{}", path_, key);
}

void ConfigReader::find_unknown_keys() {
  const std::vector<std::string> known(known_.begin(), known_.end());
  for (const ConfigEntry& entry : node_.entries()) {
    if (known_.contains(entry.key)) continue;
    const std::optional<std::string> near = closest_word(entry.key, known);
    std::string advice = "remove it: there are no settings here";
    if (near) {
      advice = fmt::format("did you mean \"{}\"?", *near);
    } else if (!known.empty()) {
      advice = fmt::format("known keys: {}", fmt::join(known, ", "));
    }
    const std::string where = path_.empty() ? "" : path_ + ": ";
    errors_->push_back({ConfigErrorKind::kUnknownKey, entry.position,
                        fmt::format("{}unknown key \"{}\"; {}", where, entry.key, advice)});
  }
  for (const std::unique_ptr<ConfigReader>& section : sections_) section->find_unknown_keys();
}

Status ConfigReader::finish() {
  find_unknown_keys();
  // In the order of the file; those at one place stay in the order in which they were found.
  std::multimap<std::pair<int, int>, ConfigError> sorted;
  for (ConfigError& error : *errors_) {
    const std::pair place(error.position.line, error.position.column);
    sorted.emplace(place, std::move(error));
  }
  errors_->clear();
  for (auto& [place, error] : sorted) errors_->push_back(std::move(error));
  if (errors_->empty()) return {};
  std::string message;
  for (const ConfigError& error : *errors_) {
    if (!message.empty()) message += '\n';
    message += error.to_string();
  }
  return permanent(std::move(message));
}

}  // namespace kernspan
