#include "agent/receiver/span_settings.h"

#include <fmt/format.h>

#include <algorithm>

#include "agent/protocol/http1/characters.h"

namespace kernspan {
namespace {

constexpr std::size_t kHeaderNamesMax = 64;
constexpr std::size_t kPatternsMax = 100;
constexpr std::size_t kTemplatesPerServiceMax = 2000;

void read_names(ConfigReader& reader, std::string_view key, std::vector<std::string>* names) {
  reader.string_list(key, names);
  if (names->size() > kHeaderNamesMax) {
    reader.error(key, fmt::format("at most {} headers are captured", kHeaderNamesMax));
  }
  for (const std::string& name : *names) {
    const bool is_name = !name.empty() && http1::token_size(name) == name.size();
    if (is_name && name.find('*') == std::string::npos) continue;
    reader.error(key, fmt::format("\"{}\" is no header name; each header must be named", name));
  }
}

// One text would be split on its commas, which patterns have.
std::vector<std::string> read_list(ConfigReader& reader, std::string_view key) {
  std::vector<std::string> texts;
  const ConfigNode* node = reader.node(key);
  if (node && !node->is_list()) {
    reader.error(key, "must be a list, as in [\"...\"]");
  } else {
    reader.string_list(key, &texts);
  }
  return texts;
}

void append(std::vector<std::string>& list, std::vector<std::string> more) {
  for (std::string& text : more) {
    if (std::ranges::find(list, text) == list.end()) list.push_back(std::move(text));
  }
}

}  // namespace

void SpanSettings::read(ConfigReader& reader) {
  reader.boolean("url_query", &url_query);
  read_names(reader, "request_headers", &request_headers);
  read_names(reader, "response_headers", &response_headers);
  read_names(reader, "reveal_headers", &reveal_headers);
  reader.integer<std::size_t>("max_header_value_bytes", &header_value_bytes, 16,
                              CapturedHeaders::kValueBytesMax);

  ConfigReader& redacted = reader.section("redaction");
  append(redaction.patterns, read_list(redacted, "patterns"));
  append(redaction.query_keys, read_list(redacted, "query_keys"));
  if (redaction.patterns.size() > kPatternsMax) {
    redacted.error("patterns", fmt::format("at most {} are tried for every text", kPatternsMax));
  }
  if (const auto checked = Redaction::create(redaction); !checked) {
    redacted.error("patterns", checked.error().message);
  }

  ConfigReader& templates = reader.section("path_templates");
  if (templates.has("routes")) routes = read_list(templates, "routes");
  templates.boolean("automatic", &guess_templates);
  templates.integer<std::size_t>("max_per_service", &guessed_templates_max, 1,
                                 kTemplatesPerServiceMax);
  templates.boolean("replace_path", &replace_path);
  if (const auto checked = PathTemplates::create(routes); !checked) {
    templates.error("routes", checked.error().message);
  }
}

SpanOptions SpanSettings::options() const {
  SpanOptions options;
  options.url_query = url_query;
  options.request_headers = HeaderNames(request_headers);
  options.response_headers = HeaderNames(response_headers);
  options.revealed_headers = HeaderNames(reveal_headers);
  options.header_value_bytes = header_value_bytes;
  if (auto compiled = Redaction::create(redaction)) options.redaction = *std::move(compiled);
  if (auto compiled = PathTemplates::create(routes); compiled && !compiled->empty()) {
    options.templates = std::make_shared<const PathTemplates>(*std::move(compiled));
  }
  options.guess_templates = guess_templates;
  options.guessed_templates_max = guessed_templates_max;
  options.replace_path = replace_path;
  return options;
}

}  // namespace kernspan
