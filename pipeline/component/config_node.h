// The configuration as a tree of plain values, each of which remembers the place it came from.
// Made by parse_config (config_yaml.h), read by components through a ConfigReader
// (config_reader.h).
#pragma once

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace kernspan {

// Where a value stands. Lines and columns count from 1; 0 means the file as a whole.
struct ConfigPosition {
  std::shared_ptr<const std::string> file;  // shared by all nodes of a file; null: not from a file
  int line = 0;
  int column = 0;

  std::string to_string() const;  // "gateway.yaml:12:5"
};

struct ConfigEntry;

class ConfigNode {
 public:
  enum class Kind { kNull, kScalar, kList, kMap };

  ConfigNode() = default;  // null, from nowhere
  static ConfigNode null(ConfigPosition position);
  // `text` is the value after expansion; `shown` is what messages may quote: the text as the file
  // has it, so that no value out of the environment is ever printed. `quoted`: never anything but a
  // string.
  static ConfigNode scalar(ConfigPosition position, std::string text, std::string shown,
                           bool quoted);
  static ConfigNode list(ConfigPosition position, std::vector<ConfigNode> items);
  static ConfigNode map(ConfigPosition position, std::vector<ConfigEntry> entries);

  // For a list or map that one environment variable holds as YAML text: a reader that wants a
  // string gets the whole text.
  void set_origin(std::string text, std::string shown);

  Kind kind() const { return kind_; }
  bool is_null() const { return kind_ == Kind::kNull; }
  bool is_scalar() const { return kind_ == Kind::kScalar; }
  bool is_list() const { return kind_ == Kind::kList; }
  bool is_map() const { return kind_ == Kind::kMap; }

  const ConfigPosition& position() const { return position_; }
  const std::string& text() const { return text_; }
  const std::string& shown() const { return shown_; }
  bool quoted() const { return quoted_; }
  // Whether (part of) the text came out of the environment: then its type is whatever the reader
  // wants.
  bool expanded() const { return text_ != shown_; }

  const std::vector<ConfigNode>& items() const { return items_; }
  const std::vector<ConfigEntry>& entries() const { return entries_; }  // in the file's order

  // For what rewrites a configuration before it is read.
  std::vector<ConfigNode>& items() { return items_; }
  std::vector<ConfigEntry>& entries() { return entries_; }

  // The value of a key of a map; null when this is no map or has no such key.
  const ConfigNode* find(std::string_view key) const;
  ConfigNode* find(std::string_view key);

  // Gives a map's key a value, at its old place if it has one. What is no map becomes one.
  ConfigNode& set(std::string_view key, const ConfigPosition& position, ConfigNode value);
  // Takes a key out of a map, if it is there.
  void erase(std::string_view key);
  // Appends to a list. What is no list becomes one.
  void append(ConfigNode item);

  // Puts `other` over this one: maps are merged key by key, anything else is replaced.
  void merge(ConfigNode other);

  // For messages: "a map", "a list", "nothing", "the integer 5", "the string \"abc\"".
  std::string describe() const;

 private:
  Kind kind_ = Kind::kNull;
  bool quoted_ = false;
  ConfigPosition position_;
  std::string text_;
  std::string shown_;
  std::vector<ConfigNode> items_;
  std::vector<ConfigEntry> entries_;
};

struct ConfigEntry {
  std::string key;
  ConfigPosition position;  // of the key
  ConfigNode value;
};

// The type that a plain scalar has in YAML's core schema; a quoted one is always a string.
enum class ScalarType { kNull, kBoolean, kInteger, kNumber, kString };
ScalarType scalar_type(std::string_view text);

// Something that the collector refuses and that is read here all the same, because its meaning is
// clear. A warning; in strict mode an error.
struct ConfigDeviation {
  std::string_view rule;  // a word for it, a literal: "int_as_string"
  ConfigPosition position;
  std::string what;     // what the collector refuses
  std::string read_as;  // what is made of it
  std::string fix;      // what to write

  std::string as_warning() const;  // "file:line:column: what; read as ...; fix"
  std::string as_error() const;
};

// What there is to tell about a configuration without refusing it.
struct ConfigWarnings {
  std::vector<std::string> messages;  // "file:line:column: what and what to do"
  std::vector<ConfigDeviation> deviations;
  // The settings that components read as secrets: "exporters::otlp::headers".
  std::set<std::string, std::less<>> secret_paths;

  void add(const ConfigPosition& position, std::string_view message);
};

}  // namespace kernspan
