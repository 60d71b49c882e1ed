#include "pipeline/exporters/prometheus/prometheus_names.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace kernspan {
namespace {

using Word = std::pair<std::string_view, std::string_view>;

// UCUM's units and Prometheus's words for them.
constexpr std::array<Word, 27> kUnits = {{
    {"d", "days"},          {"h", "hours"},
    {"min", "minutes"},     {"s", "seconds"},
    {"ms", "milliseconds"}, {"us", "microseconds"},
    {"ns", "nanoseconds"},  {"By", "bytes"},
    {"KiBy", "kibibytes"},  {"MiBy", "mebibytes"},
    {"GiBy", "gibibytes"},  {"TiBy", "tibibytes"},
    {"KBy", "kilobytes"},   {"MBy", "megabytes"},
    {"GBy", "gigabytes"},   {"TBy", "terabytes"},
    {"m", "meters"},        {"V", "volts"},
    {"A", "amperes"},       {"J", "joules"},
    {"W", "watts"},         {"g", "grams"},
    {"Cel", "celsius"},     {"Hz", "hertz"},
    {"%", "percent"},       {"1", ""},
    {"$", "dollars"},
}};
constexpr std::array<Word, 7> kPerUnits = {{{"s", "second"},
                                            {"m", "minute"},
                                            {"h", "hour"},
                                            {"d", "day"},
                                            {"w", "week"},
                                            {"mo", "month"},
                                            {"y", "year"}}};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_name_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || is_digit(c);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return "";
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

// The parts of a name between what cannot be in one.
std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  bool in_word = false;
  for (const char c : text) {
    if (is_name_character(c) || c == ':') {
      if (!in_word) words.emplace_back();
      words.back() += c;
    }
    in_word = is_name_character(c) || c == ':';
  }
  return words;
}

template <typename Table>
std::string_view word_for(const Table& table, std::string_view unit) {
  const auto found = std::ranges::find(table, unit, &Word::first);
  return found == table.end() ? unit : found->second;
}

void append_once(std::vector<std::string>& words, std::string_view unit) {
  for (std::string& word : words_of(unit)) {
    if (std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
  }
}

void append_unit(std::vector<std::string>& words, std::string_view unit) {
  const std::size_t slash = unit.find('/');
  const std::string_view main = trimmed(unit.substr(0, slash));
  // Annotations ("{request}") are no units.
  if (main.find('{') == std::string_view::npos) append_once(words, word_for(kUnits, main));
  if (slash == std::string_view::npos) return;
  const std::string_view per = trimmed(unit.substr(slash + 1));
  if (per.empty() || per.find('{') != std::string_view::npos) return;
  const std::vector<std::string> per_words = words_of(word_for(kPerUnits, per));
  if (per_words.empty() || std::ranges::find(words, per_words.front()) != words.end()) return;
  words.emplace_back("per");
  words.insert(words.end(), per_words.begin(), per_words.end());
}

std::string joined(const std::vector<std::string>& words) {
  std::string name;
  for (const std::string& word : words) {
    if (!name.empty()) name += '_';
    name += word;
  }
  return name;
}

std::string with_namespace(std::string name, std::string_view name_space) {
  if (!name_space.empty()) name = joined(words_of(name_space)) + "_" + name;
  if (name.empty() || is_digit(name.front())) name.insert(name.begin(), '_');
  return name;
}

}  // namespace

std::string metric_name(const otlp::MetricView& metric, std::string_view name_space,
                        bool add_suffixes) {
  if (!add_suffixes) {
    std::string name(metric.name);
    std::ranges::replace_if(
        name, [](char c) { return !is_name_character(c) && c != ':' && c != '_'; }, '_');
    return with_namespace(std::move(name), name_space);
  }
  std::vector<std::string> words = words_of(metric.name);
  append_unit(words, metric.unit);
  const auto move_to_end = [&](const char* word) {
    std::erase(words, word);
    words.emplace_back(word);
  };
  if (metric.kind == otlp::MetricKind::kSum && metric.is_monotonic) move_to_end("total");
  if (metric.kind == otlp::MetricKind::kGauge && metric.unit == "1") move_to_end("ratio");
  return with_namespace(joined(words), name_space);
}

std::string label_name(std::string_view attribute) {
  std::string name(attribute);
  std::ranges::replace_if(name, [](char c) { return !is_name_character(c) && c != '_'; }, '_');
  if (name.empty()) return "_";
  if (is_digit(name.front())) return "key_" + name;
  // Two underscores in front are Prometheus's own; upstream changes what begins with one.
  if (name.starts_with('_') && !name.starts_with("__")) return "key" + name;
  return name;
}

}  // namespace kernspan
