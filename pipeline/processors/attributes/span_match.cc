#include "pipeline/processors/attributes/span_match.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "pipeline/processors/attribute_actions/attribute_values.h"

namespace kernspan {
namespace {

using otlp::ValueKind;
using otlp::ValueView;

constexpr std::array<std::string_view, 6> kSpanKinds = {
    "SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER",
    "SPAN_KIND_CLIENT",      "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"};

bool is_scalar(ValueKind kind) {
  return kind == ValueKind::kString || kind == ValueKind::kBool || kind == ValueKind::kInt ||
         kind == ValueKind::kDouble;
}

bool equal(const ValueView& one, const ValueView& other) {
  if (one.kind() != other.kind()) return false;
  switch (one.kind()) {
    case ValueKind::kString:
      return one.as_string() == other.as_string();
    case ValueKind::kBool:
      return one.as_bool() == other.as_bool();
    case ValueKind::kInt:
      return one.as_int() == other.as_int();
    case ValueKind::kDouble:
      return one.as_double() == other.as_double();
    default:
      return one.wire() == other.wire();
  }
}

// As upstream calls a resource that has none.
std::string service_of(const otlp::ResourceView& resource) {
  const ValueView name = resource.find("service.name");
  return name.kind() == ValueKind::kNone ? "<nil-service-name>" : value_text(name);
}

}  // namespace

bool TextMatch::matches(std::string_view text) const {
  return std::ranges::find(words_, text) != words_.end() ||
         std::ranges::any_of(patterns_, [text](const auto& pattern) {
           return RE2::PartialMatch({text.data(), text.size()}, *pattern);
         });
}

// Reads one block.
class SpanMatchReader {
 public:
  explicit SpanMatchReader(ConfigReader& block) : block_(block) {}

  SpanMatch read() {
    std::string type;
    block_.string("match_type", &type);
    is_regexp_ = type == "regexp";
    if (!is_regexp_ && type != "strict") {
      block_.error("match_type", fmt::format("error creating matcher: unrecognized match_type: "
                                             "'{}', valid types are: [strict regexp]",
                                             type));
    }
    block_.ignored("regexp", "patterns need no cache here");
    for (const char* key : {"log_bodies", "log_severity_texts", "log_severity_number"}) {
      if (block_.has(key)) {
        block_.error(key, fmt::format("{} should not be specified for trace spans", key));
      }
    }
    if (block_.has("metric_names")) {
      block_.error("metric_names", "attributes of metrics are not supported here: remove it");
    }
    SpanMatch match;
    match.services_ = texts("services");
    match.span_names_ = texts("span_names");
    match.span_kinds_ = kinds();
    match.attributes_ = attributes("attributes");
    match.resources_ = attributes("resources");
    match.libraries_ = libraries();
    if (match.services_.empty() && match.span_names_.empty() && match.span_kinds_.empty() &&
        match.attributes_.empty() && match.resources_.empty() && match.libraries_.empty()) {
      block_.error("attributes",
                   "at least one of \"services\", \"span_names\", \"span_kinds\", \"attributes\", "
                   "\"libraries\" or \"resources\" field must be specified");
    }
    return match;
  }

 private:
  void add(TextMatch& match, const std::string& text, ConfigReader& reader, const char* key) {
    if (!is_regexp_) return match.add_word(text);
    auto pattern = std::make_shared<const RE2>(text, RE2::Quiet);
    if (!pattern->ok()) {
      reader.error(key, fmt::format("invalid pattern \"{}\": {}", text, pattern->error()));
    }
    match.add_pattern(std::move(pattern));
  }

  TextMatch texts(const char* key) {
    std::vector<std::string> words;
    block_.string_list(key, &words);
    TextMatch match;
    for (const std::string& word : words) add(match, word, block_, key);
    return match;
  }

  TextMatch kinds() {
    std::vector<std::string> words;
    block_.string_list("span_kinds", &words);
    TextMatch match;
    for (const std::string& word : words) {
      if (!is_regexp_ && std::ranges::find(kSpanKinds, word) == kSpanKinds.end()) {
        block_.error("span_kinds", fmt::format("span_kinds string must match one of the standard "
                                               "span kinds when match_type=strict: [{}]",
                                               fmt::join(kSpanKinds, " ")));
      }
      add(match, word, block_, "span_kinds");
    }
    return match;
  }

  std::vector<SpanMatch::AttributeMatch> attributes(const char* key) {
    std::vector<SpanMatch::AttributeMatch> matches;
    for (ConfigReader* item : block_.sections(key)) {
      SpanMatch::AttributeMatch match;
      item->string("key", &match.key);
      if (match.key.empty()) {
        item->error("key",
                    "error creating processor. Can't have empty key in the list of "
                    "attributes");
      }
      if (const ConfigNode* value = item->node("value")) {
        const std::string encoded = encode_configured_value(*value).value_or("");
        const ValueView view(encoded);
        if (!is_regexp_) {
          match.encoded_value = encoded;
        } else if (view.kind() == ValueKind::kString) {
          add(match.text, std::string(view.as_string()), *item, "value");
        } else {
          item->error("value", fmt::format("match_type=regexp for {} only supports Str; put the "
                                           "pattern in quotes",
                                           match.key));
        }
      }
      matches.push_back(std::move(match));
    }
    return matches;
  }

  std::vector<SpanMatch::LibraryMatch> libraries() {
    std::vector<SpanMatch::LibraryMatch> matches;
    for (ConfigReader* item : block_.sections("libraries")) {
      SpanMatch::LibraryMatch match;
      std::string name;
      item->string("name", &name);
      add(match.name, name, *item, "name");
      if (item->has("version")) {
        std::string version;
        item->string("version", &version);
        add(match.version.emplace(), version, *item, "version");
      }
      matches.push_back(std::move(match));
    }
    return matches;
  }

  ConfigReader& block_;
  bool is_regexp_ = false;
};

std::optional<SpanMatch> SpanMatch::read(ConfigReader& reader, const char* key) {
  if (reader.root().find(key) == nullptr) return std::nullopt;
  return SpanMatchReader(reader.section(key)).read();
}

bool SpanMatch::all_match(const std::vector<AttributeMatch>& wanted,
                          otlp::AttributeRange attributes) {
  return std::ranges::all_of(wanted, [attributes](const AttributeMatch& match) {
    for (const otlp::AttributeView attribute : attributes) {
      if (attribute.key != match.key) continue;
      const ValueView value = attribute.value();
      if (!match.text.empty()) {
        return is_scalar(value.kind()) && match.text.matches(value_text(value));
      }
      return match.encoded_value.empty() || equal(value, ValueView(match.encoded_value));
    }
    return false;
  });
}

bool SpanMatch::matches(const otlp::SpanView& span, const otlp::ResourceView& resource,
                        const otlp::ScopeView& scope) const {
  if (!services_.empty() && !services_.matches(service_of(resource))) return false;
  if (!span_names_.empty() && !span_names_.matches(span.name)) return false;
  if (!span_kinds_.empty() &&
      !span_kinds_.matches(kSpanKinds[static_cast<std::size_t>(span.kind)])) {
    return false;
  }
  if (!libraries_.empty() && std::ranges::none_of(libraries_, [&scope](const LibraryMatch& match) {
        return match.name.matches(scope.name()) &&
               (!match.version || match.version->matches(scope.version()));
      })) {
    return false;
  }
  return all_match(resources_, resource.attributes()) && all_match(attributes_, span.attributes());
}

}  // namespace kernspan
