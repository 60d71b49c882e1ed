// How a component reads its settings: it asks for each key it knows, and finish() answers with
// everything that was wrong, each with its file, line, column and what to do about it. Keys nobody
// asked for are errors, as upstream.
//
//   ConfigReader reader(node, context.warnings);
//   reader.duration("timeout", &config.timeout);
//   ConfigReader& tls = reader.section("tls");
//   tls.boolean("insecure", &config.insecure);
//   if (Status read = reader.finish(); !read) return std::unexpected(read.error());
//
// A key that is absent, or null, leaves the variable as it was: its default.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"

namespace kernspan {

enum class ConfigErrorKind { kUnknownKey, kWrongType, kBadValue };

struct ConfigError {
  ConfigErrorKind kind;
  ConfigPosition position;
  std::string message;

  std::string to_string() const;  // "file:line:column: message"
};

// One thread. Borrows the node and the warnings for its own lifetime.
class ConfigReader {
 public:
  // `path` is how messages call the node: "exporters::otlp/backup".
  ConfigReader(const ConfigNode& node, ConfigWarnings& warnings, std::string path = "");
  ConfigReader(const ConfigReader&) = delete;
  ConfigReader& operator=(const ConfigReader&) = delete;

  bool has(std::string_view key) const;  // present and not null

  void string(std::string_view key, std::string* value);
  // As string(), but no message ever quotes the value, and no print of the configuration shows it.
  void secret(std::string_view key, std::string* value);
  void boolean(std::string_view key, bool* value);
  void number(std::string_view key, double* value,
              double min = std::numeric_limits<double>::lowest(),
              double max = std::numeric_limits<double>::max());
  // Go syntax; must lie between min and max.
  void duration(std::string_view key, std::chrono::nanoseconds* value,
                std::chrono::nanoseconds min = std::chrono::nanoseconds{0},
                std::chrono::nanoseconds max = std::chrono::nanoseconds::max());
  // A count of bytes, bare or with KiB, MiB, GiB (or kB, MB, GB).
  void bytes(std::string_view key, std::uint64_t* value, std::uint64_t min = 0,
             std::uint64_t max = std::numeric_limits<std::int64_t>::max());
  // "host:port", port 0..65535; an empty host is allowed and means every interface.
  void endpoint(std::string_view key, std::string* value);

  template <std::integral T>
  void integer(std::string_view key, T* value, T min = std::numeric_limits<T>::min(),
               T max = std::numeric_limits<T>::max());

  // One of a few words; the first of several with one meaning is the one that messages offer.
  template <typename E>
  void choice(std::string_view key, E* value,
              std::initializer_list<std::pair<std::string_view, E>> choices);

  // A list of strings; one string is taken as a list split on commas, as upstream does.
  void string_list(std::string_view key, std::vector<std::string>* value);
  // A map of strings to strings (headers); its values are secrets.
  void string_map(std::string_view key, std::map<std::string, std::string>* value);

  // The map below a key; a section without any keys when the key is absent. Lives as long as this
  // reader, which also finishes it.
  ConfigReader& section(std::string_view key);
  // The items of a list of maps.
  std::vector<ConfigReader*> sections(std::string_view key);
  // A map that the caller found below this one (a map with free keys). Lives as long as this
  // reader.
  ConfigReader& subsection(const ConfigNode& node, std::string path);
  // The node itself, for what is none of the above; null when absent. The key counts as known.
  const ConfigNode* node(std::string_view key);

  // Marks a key as known and its value as one that has no effect here, with a warning that says
  // why.
  void ignored(std::string_view key, std::string_view why);

  // Reports a value that is wrong for a reason only the component knows; stands at the key's value,
  // or at the section when the key is absent.
  void error(std::string_view key, std::string_view message);
  void warning(std::string_view key, std::string_view message);
  // Reports a value that the collector refuses and that is read all the same (ConfigDeviation).
  void deviation(std::string_view key, std::string_view rule, std::string_view what,
                 std::string read_as, std::string fix);
  // Reports a problem at a place of the caller's choice, as it is.
  void add_problem(const ConfigPosition& position, std::string message);
  // Reports a key that must be there and is not.
  void require(std::string_view key, std::string_view what_to_do);

  const ConfigNode& root() const { return node_; }
  const std::string& path() const { return path_; }

  // Checks for unknown keys, here and in all sections; a permanent error with one line per problem.
  [[nodiscard]] Status finish();
  // What finish() found, in order of position.
  const std::vector<ConfigError>& errors() const { return *errors_; }

 private:
  ConfigReader(const ConfigNode& node, ConfigWarnings& warnings, std::string path,
               std::shared_ptr<std::vector<ConfigError>> errors);

  const ConfigNode* take(std::string_view key);  // present and not null, marked as known
  const ConfigNode* take_scalar(std::string_view key, std::string_view expected);
  const ConfigNode* take_plain(std::string_view key, std::string_view expected);  // and not quoted
  template <typename T>
  bool read_integer(std::string_view key, T* value, T min, T max);
  bool read_int64(std::string_view key, std::int64_t* value, std::int64_t min, std::int64_t max);
  bool read_uint64(std::string_view key, std::uint64_t* value, std::uint64_t min,
                   std::uint64_t max);
  std::string name_of(std::string_view key) const;  // with the path
  void add_error(ConfigErrorKind kind, const ConfigPosition& position, std::string_view key,
                 std::string_view message);
  void wrong_type(std::string_view key, const ConfigNode& node, std::string_view expected);
  void bad_value(std::string_view key, const ConfigNode& node, std::string_view message);
  void bad_choice(std::string_view key, const ConfigNode& node,
                  const std::vector<std::string_view>& choices);
  void find_unknown_keys();

  const ConfigNode& node_;
  ConfigWarnings& warnings_;
  std::string path_;
  std::shared_ptr<std::vector<ConfigError>> errors_;  // one list for a reader and all its sections
  std::set<std::string, std::less<>> known_;
  std::vector<std::unique_ptr<ConfigReader>> sections_;
  std::deque<ConfigNode> absent_;  // what the readers of absent sections read
};

template <std::integral T>
void ConfigReader::integer(std::string_view key, T* value, T min, T max) {
  if constexpr (std::is_signed_v<T>) {
    std::int64_t read = 0;
    if (read_int64(key, &read, min, max)) *value = static_cast<T>(read);
  } else {
    std::uint64_t read = 0;
    if (read_uint64(key, &read, min, max)) *value = static_cast<T>(read);
  }
}

template <typename E>
void ConfigReader::choice(std::string_view key, E* value,
                          std::initializer_list<std::pair<std::string_view, E>> choices) {
  const ConfigNode* node = take_scalar(key, "a string");
  if (node == nullptr) return;
  std::vector<std::string_view> words;
  E last{};
  for (const auto& [word, meaning] : choices) {
    if (node->text() == word) {
      *value = meaning;
      return;
    }
    const bool is_alias = !words.empty() && meaning == last;
    if (!is_alias) words.push_back(word);
    last = meaning;
  }
  bad_choice(key, *node, words);
}

}  // namespace kernspan
