// Converters that take a text apart, or put one together.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/ottl/functions/as_string.h"
#include "pipeline/ottl/functions/builders.h"
#include "pipeline/ottl/functions/csv_row.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/json_value.h"
#include "pipeline/ottl/functions/map_builder.h"
#include "pipeline/ottl/functions/parse_int.h"
#include "pipeline/ottl/functions/patterns.h"
#include "pipeline/ottl/functions/text_case.h"
#include "pipeline/ottl/functions/url_parts.h"

namespace kernspan::ottl {
namespace {

struct Delimiters {
  std::string value;  // between a key and its value
  std::string pair;

  Status check() const {
    if (value != pair) return {};
    return permanent(
        fmt::format("pair delimiter \"{}\" cannot be equal to delimiter \"{}\"", pair, value));
  }
};

Result<Value> parse_key_values(std::string_view text, const Delimiters& delimiters) {
  if (text.empty()) return permanent("cannot parse from empty target");
  const auto pairs = split_quoted(text, delimiters.pair);
  if (!pairs) {
    return permanent(
        fmt::format("splitting the source into pairs failed: {}", pairs.error().message));
  }
  MapBuilder map;
  for (const std::string_view pair : *pairs) {
    const std::size_t end = pair.find(delimiters.value);
    if (end == std::string_view::npos) {
      return permanent("cannot split a pair into 2 items, got 1 item(s)");
    }
    map.set(Text::owned(std::string(trim_space(pair.substr(0, end)))),
            Value::string(std::string(trim_space(pair.substr(end + delimiters.value.size())))));
  }
  return Value::map(map.take());
}

Result<Callable> build_parse_key_value(Arguments& arguments) {
  auto getter = arguments.getter(0);
  Delimiters delimiters{arguments.text(1), arguments.text(2)};
  if (delimiters.value.empty()) delimiters.value = '=';
  if (delimiters.pair.empty()) delimiters.pair = ' ';
  if (Status checked = delimiters.check(); !checked) return std::unexpected(checked.error());
  return [getter = std::move(getter),
          delimiters = std::move(delimiters)](Evaluation& at) -> Result<Value> {
    const Result<Value> target = getter->get(at);
    if (!target) return target;
    return parse_key_values(target->as_string(), delimiters);
  };
}

std::string key_value_part(std::string_view text, const Delimiters& delimiters) {
  std::string part;
  for (const char c : text) {
    if (c == '"') part += '\\';
    part += c;
  }
  const bool needs_quotes = part.find(delimiters.value) != std::string::npos ||
                            part.find(delimiters.pair) != std::string::npos;
  return needs_quotes ? fmt::format("\"{}\"", part) : part;
}

std::string key_value_string(const Map& map, const Delimiters& delimiters, bool sorted) {
  std::vector<const Map::Entry*> entries;
  for (const Map::Entry& entry : map.entries()) entries.push_back(&entry);
  if (sorted) {
    std::sort(entries.begin(), entries.end(), [](const Map::Entry* left, const Map::Entry* right) {
      return left->key.view() < right->key.view();
    });
  }
  std::string text;
  for (const Map::Entry* entry : entries) {
    if (entry != entries.front()) text += delimiters.pair;
    text += key_value_part(entry->key.view(), delimiters) + delimiters.value +
            key_value_part(as_string(entry->value), delimiters);
  }
  return text;
}

Result<Callable> build_to_key_value_string(Arguments& arguments) {
  auto getter = arguments.getter(0);
  Delimiters delimiters{arguments.text(1, "="), arguments.text(2, " ")};
  if (delimiters.value.empty()) return permanent("delimiter cannot be set to an empty string");
  if (delimiters.pair.empty()) return permanent("pair delimiter cannot be set to an empty string");
  if (Status checked = delimiters.check(); !checked) return std::unexpected(checked.error());
  return [getter = std::move(getter), delimiters = std::move(delimiters),
          sorted = arguments.boolean(3)](Evaluation& at) -> Result<Value> {
    const Result<Value> target = getter->get(at);
    if (!target) return target;
    return Value::string(key_value_string(target->as_map(), delimiters, sorted));
  };
}

bool is_one_character(std::string_view text) {
  const auto begins = [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; };
  return std::count_if(text.begin(), text.end(), begins) == 1;
}

enum class CsvMode { kStrict, kLazyQuotes, kIgnoreQuotes };

struct CsvSettings {
  std::string delimiter;
  std::string header_delimiter;
  CsvMode mode = CsvMode::kStrict;
};

Result<CsvSettings> read_csv_settings(Arguments& arguments) {
  CsvSettings settings;
  settings.delimiter = arguments.text(2, ",");
  if (!is_one_character(settings.delimiter)) {
    return permanent("invalid arguments: delimiter must be a single character");
  }
  settings.header_delimiter = arguments.text(3, settings.delimiter);
  if (!is_one_character(settings.header_delimiter)) {
    return permanent("invalid arguments: header_delimiter must be a single character");
  }
  const std::string mode = arguments.text(4, "strict");
  if (mode == "lazyQuotes") {
    settings.mode = CsvMode::kLazyQuotes;
  } else if (mode == "ignoreQuotes") {
    settings.mode = CsvMode::kIgnoreQuotes;
  } else if (mode != "strict") {
    return permanent(fmt::format("unknown mode: {}", mode));
  }
  return settings;
}

Result<Value> parse_csv(std::string_view row, std::string_view header,
                        const CsvSettings& settings) {
  if (header.empty()) return permanent("headers must not be an empty string");
  const std::vector<std::string> headers = split_text(header, settings.header_delimiter);
  Result<std::vector<std::string>> fields =
      settings.mode == CsvMode::kIgnoreQuotes
          ? split_text(row, settings.delimiter)
          : read_csv_row(row, settings.delimiter, settings.mode == CsvMode::kLazyQuotes);
  if (!fields) return std::unexpected(fields.error());
  if (fields->size() != headers.size()) {
    return permanent(fmt::format("wrong number of fields: expected {}, found {}", headers.size(),
                                 fields->size()));
  }
  MapBuilder map;
  for (std::size_t i = 0; i < headers.size(); ++i) {
    map.set(Text::owned(headers[i]), Value::string(std::move((*fields)[i])));
  }
  return Value::map(map.take());
}

Result<Callable> build_parse_csv(Arguments& arguments) {
  auto target_getter = arguments.getter(0);
  auto header_getter = arguments.getter(1);
  Result<CsvSettings> settings = read_csv_settings(arguments);
  if (!settings) return std::unexpected(settings.error());
  return [target_getter = std::move(target_getter), header_getter = std::move(header_getter),
          settings = *std::move(settings)](Evaluation& at) -> Result<Value> {
    const Result<Value> target = target_getter->get(at);
    if (!target) return target;
    const Result<Value> header = header_getter->get(at);
    if (!header) return header;
    return parse_csv(target->as_string(), header->as_string(), settings);
  };
}

Result<Callable> build_extract_patterns(Arguments& arguments) {
  auto getter = arguments.getter(0);
  const auto compiled = compile_pattern(arguments.text(1));
  if (!compiled) {
    return permanent(
        fmt::format("the pattern supplied to ExtractPatterns is not a valid pattern: {}",
                    compiled.error().message));
  }
  if ((*compiled)->CapturingGroupNames().empty()) {
    return permanent("at least 1 named capture group must be supplied in the given regex");
  }
  return [getter = std::move(getter), pattern = *compiled](Evaluation& at) -> Result<Value> {
    const Result<Value> target = getter->get(at);
    if (!target) return target;
    const std::string_view text = target->as_string();
    std::vector<re2::StringPiece> groups(
        static_cast<std::size_t>(pattern->NumberOfCapturingGroups()) + 1);
    MapBuilder map;
    if (!pattern->Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED,
                        groups.data(), static_cast<int>(groups.size()))) {
      return Value::map(map.take());
    }
    for (const auto& [number, name] : pattern->CapturingGroupNames()) {
      const re2::StringPiece& group = groups[static_cast<std::size_t>(number)];
      map.set(Text::owned(name), Value::string(std::string(group.data(), group.size())));
    }
    return Value::map(map.take());
  };
}

Result<Value> url_map(const Value& target) {
  if (target.as_string().empty()) return permanent("url cannot be empty");
  Result<UrlParts> parts = parse_url(target.as_string());
  if (!parts) return std::unexpected(parts.error());
  Map map;
  const auto put = [&](std::string_view key, std::string value) {
    map.append(Text::borrowed(key), Value::string(std::move(value)));
  };
  map.append(Text::borrowed("url.original"), target);
  put("url.domain", std::move(parts->host));
  put("url.scheme", std::move(parts->scheme));
  const std::string& path = parts->path;
  const std::size_t dot = path.rfind('.');
  const std::string extension = dot == std::string::npos ? "" : path.substr(dot + 1);
  put("url.path", path);
  if (parts->port) map.append(Text::borrowed("url.port"), Value::integer(*parts->port));
  if (!parts->fragment.empty()) put("url.fragment", std::move(parts->fragment));
  if (parts->user_info) put("url.user_info", *std::move(parts->user_info));
  if (!parts->user.empty()) put("url.username", std::move(parts->user));
  if (parts->password) put("url.password", *std::move(parts->password));
  if (!parts->query.empty()) put("url.query", std::move(parts->query));
  if (!extension.empty()) put("url.extension", extension);
  return Value::map(std::move(map));
}

}  // namespace

void add_parse_converters(FunctionTable& table) {
  using enum ParameterType;
  table.add({"ParseJSON", {{"target", kString}}, of_one([](const Value& target) {
               return parse_json(target.as_string());
             })});
  table.add({"ParseKeyValue",
             {{"target", kString},
              {"delimiter", kTextLiteral, true},
              {"pair_delimiter", kTextLiteral, true}},
             build_parse_key_value});
  table.add({"ToKeyValueString",
             {{"target", kMap},
              {"delimiter", kTextLiteral, true},
              {"pair_delimiter", kTextLiteral, true},
              {"sort_output", kBoolLiteral, true}},
             build_to_key_value_string});
  table.add({"ParseCSV",
             {{"target", kString},
              {"header", kString},
              {"delimiter", kTextLiteral, true},
              {"header_delimiter", kTextLiteral, true},
              {"mode", kTextLiteral, true}},
             build_parse_csv});
  table.add({"ParseInt",
             {{"target", kString}, {"base", kInt}},
             of_two([](const Value& target, const Value& base) -> Result<Value> {
               const Result<std::int64_t> parsed = parse_int(target.as_string(), base.as_int());
               if (!parsed) return std::unexpected(parsed.error());
               return Value::integer(*parsed);
             })});
  table.add({"ExtractPatterns",
             {{"target", kString}, {"pattern", kTextLiteral}},
             build_extract_patterns});
  table.add({"URL", {{"uri", kString}}, of_one(url_map)});
}

}  // namespace kernspan::ottl
