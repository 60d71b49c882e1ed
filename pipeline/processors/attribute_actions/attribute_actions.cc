#include "pipeline/processors/attribute_actions/attribute_actions.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <string_view>

namespace kernspan {
namespace {

using Kind = AttributeAction::Kind;
using otlp::AttributeEditor;
using otlp::ValueView;

struct KindName {
  std::string_view name;
  Kind kind;
};
constexpr std::array kKindNames = {
    KindName{"insert", Kind::kInsert},   KindName{"update", Kind::kUpdate},
    KindName{"upsert", Kind::kUpsert},   KindName{"delete", Kind::kDelete},
    KindName{"hash", Kind::kHash},       KindName{"extract", Kind::kExtract},
    KindName{"convert", Kind::kConvert},
};

std::string lower(std::string text) {
  std::ranges::transform(text, text.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  });
  return text;
}

// One item of the list as it is written, checked with upstream's messages.
class ActionReader {
 public:
  ActionReader(ConfigReader& reader, std::size_t position) : reader_(reader), position_(position) {
    reader.string("key", &action_.key);
    reader.string("action", &name_);
    reader.string("pattern", &pattern_);
    reader.string("from_attribute", &action_.from_attribute);
    reader.string("from_context", &from_context_);
    reader.string("converted_type", &converted_type_);
    value_ = reader.node("value");
    name_ = lower(name_);
  }

  std::optional<AttributeAction> read() {
    const auto* const found = std::ranges::find(kKindNames, name_, &KindName::name);
    if (found == kKindNames.end()) {
      fail("action", fmt::format("unsupported action \"{}\" at the {}-th actions; use insert, "
                                 "update, upsert, delete, hash, extract or convert",
                                 name_, position_));
      return std::nullopt;
    }
    action_.kind = found->kind;
    const bool may_match_keys = action_.kind == Kind::kDelete || action_.kind == Kind::kHash;
    if (action_.key.empty() && may_match_keys && pattern_.empty()) {
      fail("key", fmt::format("missing required field (at least one of \"key\" and \"pattern\" "
                              "have to be used) at the {}-th actions",
                              position_));
    } else if (action_.key.empty() && !may_match_keys) {
      fail("key", fmt::format("missing required field \"key\" at the {}-th actions", position_));
    }
    switch (action_.kind) {
      case Kind::kInsert:
      case Kind::kUpdate:
      case Kind::kUpsert:
        read_source();
        break;
      case Kind::kDelete:
      case Kind::kHash:
        refuse_sources("\"value\" or \"from_attribute\" field. These");
        refuse(converted_type_, "converted_type");
        if (!pattern_.empty()) compile();
        break;
      case Kind::kExtract:
        refuse_sources("a value source field. These");
        refuse(converted_type_, "converted_type");
        read_groups();
        break;
      case Kind::kConvert:
        refuse_sources("value sources or \"pattern\" field. These");
        refuse(pattern_, "pattern");
        read_type();
        break;
    }
    if (failed_) return std::nullopt;
    return std::move(action_);
  }

 private:
  int sources() const {
    return (value_ != nullptr ? 1 : 0) + (action_.from_attribute.empty() ? 0 : 1) +
           (from_context_.empty() ? 0 : 1);
  }

  void read_source() {
    if (sources() == 0) {
      fail("value", fmt::format("either field \"value\", \"from_attribute\" or \"from_context\" "
                                "setting must be specified for {}-th action; null is no value",
                                position_));
    } else if (sources() > 1) {
      fail("value",
           fmt::format("multiple value sources being set at the {}-th actions", position_));
    } else if (!from_context_.empty()) {
      fail("from_context",
           "is not supported: batches do not carry the metadata of the requests they came in");
    }
    refuse(pattern_, "pattern");
    refuse(converted_type_, "converted_type");
    if (value_ != nullptr) action_.encoded_value = encode_configured_value(*value_).value_or("");
  }

  bool compile() {
    RE2::Options options(RE2::Quiet);
    action_.pattern = std::make_shared<const RE2>(pattern_, options);
    if (action_.pattern->ok()) return true;
    fail("pattern", fmt::format("Field \"pattern\" has invalid pattern: \"{}\" to be set at the "
                                "{}-th actions: {}",
                                pattern_, position_, action_.pattern->error()));
    return false;
  }

  void read_groups() {
    if (pattern_.empty()) {
      return fail("pattern", fmt::format("missing required field \"pattern\" for action "
                                         "\"extract\" at the {}-th action",
                                         position_));
    }
    if (!compile()) return;
    const int groups = action_.pattern->NumberOfCapturingGroups();
    const std::map<int, std::string>& names = action_.pattern->CapturingGroupNames();
    if (groups == 0) {
      fail("pattern", fmt::format("Field \"pattern\" contains no named matcher groups at the "
                                  "{}-th actions",
                                  position_));
    } else if (names.size() != static_cast<std::size_t>(groups)) {
      fail("pattern", fmt::format("Field \"pattern\" contains at least one unnamed matcher group "
                                  "at the {}-th actions; write (?P<name>...)",
                                  position_));
    }
    for (const auto& [number, name] : names) action_.group_names.push_back(name);
  }

  void read_type() {
    if (converted_type_ == "string") {
      action_.converted_type = ConvertedType::kString;
    } else if (converted_type_ == "int") {
      action_.converted_type = ConvertedType::kInt;
    } else if (converted_type_ == "double") {
      action_.converted_type = ConvertedType::kDouble;
    } else if (converted_type_.empty()) {
      fail("converted_type", fmt::format("missing required field \"converted_type\" for action "
                                         "\"convert\" at the {}-th action",
                                         position_));
    } else {
      fail("converted_type",
           fmt::format("invalid value \"{}\" in field \"converted_type\" for action \"convert\" at "
                       "the {}-th action; use string, int or double",
                       converted_type_, position_));
    }
  }

  void refuse_sources(std::string_view what) {
    if (sources() == 0) return;
    fail("value",
         fmt::format("Action \"{}\" does not use {} must not be specified for {}-th action", name_,
                     what, position_));
  }

  void refuse(const std::string& setting, const char* key) {
    if (setting.empty()) return;
    fail(key, fmt::format("Action \"{}\" does not use the \"{}\" field. This must not be specified "
                          "for {}-th action",
                          name_, key, position_));
  }

  void fail(const char* key, const std::string& message) {
    failed_ = true;
    reader_.error(key, message);
  }

  ConfigReader& reader_;
  const std::size_t position_;
  AttributeAction action_;
  const ConfigNode* value_ = nullptr;
  std::string name_;
  std::string pattern_;
  std::string from_context_;
  std::string converted_type_;
  bool failed_ = false;
};

bool has(const AttributeEditor& attributes, std::string_view key) {
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    if (attributes.key(i) == key) return true;
  }
  return false;
}

// The value to set; nothing when the attribute that it comes from is not there.
std::optional<std::string_view> source_of(const AttributeAction& action,
                                          const AttributeEditor& attributes) {
  if (action.from_attribute.empty()) return action.encoded_value;
  if (!has(attributes, action.from_attribute)) return std::nullopt;
  return attributes.find(action.from_attribute).wire();
}

void hash_key(AttributeEditor& attributes, std::string_view key) {
  if (has(attributes, key)) attributes.update(key, hash_value(attributes.find(key)));
}

void hash(const AttributeAction& action, AttributeEditor& attributes) {
  if (!action.key.empty()) hash_key(attributes, action.key);
  if (action.pattern == nullptr) return;
  std::vector<std::string> matching;  // the editor's own views may go while it changes
  for (std::size_t i = 0; i < attributes.size(); ++i) {
    const std::string_view key = attributes.key(i);
    if (RE2::PartialMatch({key.data(), key.size()}, *action.pattern)) matching.emplace_back(key);
  }
  for (const std::string& key : matching) hash_key(attributes, key);
}

void erase(const AttributeAction& action, AttributeEditor& attributes) {
  if (!action.key.empty()) attributes.erase(action.key);
  if (action.pattern == nullptr) return;
  attributes.erase_if([&action](std::string_view key, ValueView) {
    return RE2::PartialMatch({key.data(), key.size()}, *action.pattern);
  });
}

void extract(const AttributeAction& action, AttributeEditor& attributes) {
  const ValueView value = attributes.find(action.key);
  if (value.kind() != otlp::ValueKind::kString) return;
  const std::string text(value.as_string());
  std::vector<re2::StringPiece> groups(action.group_names.size() + 1);  // the first is the whole
  if (!action.pattern->Match(text, 0, text.size(), RE2::UNANCHORED, groups.data(),
                             static_cast<int>(groups.size()))) {
    return;
  }
  for (std::size_t i = 0; i < action.group_names.size(); ++i) {
    const std::string_view found(groups[i + 1].data(), groups[i + 1].size());
    attributes.upsert(action.group_names[i], otlp::encode_value(otlp::AttributeValue(found)));
  }
}

void convert(const AttributeAction& action, AttributeEditor& attributes) {
  if (!has(attributes, action.key)) return;
  if (const auto converted = convert_value(attributes.find(action.key), action.converted_type)) {
    attributes.update(action.key, *converted);
  }
}

}  // namespace

AttributeActions AttributeActions::read(ConfigReader& reader, const char* key) {
  AttributeActions actions;
  const std::vector<ConfigReader*> items = reader.sections(key);
  if (items.empty()) {
    reader.error(key, fmt::format("missing required field \"{}\": add for example "
                                  "- {{key: cluster, value: eu-1, action: upsert}}",
                                  key));
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (std::optional<AttributeAction> action = ActionReader(*items[i], i).read()) {
      actions.actions_.push_back(*std::move(action));
    }
  }
  return actions;
}

void AttributeActions::apply(AttributeEditor& attributes) const {
  for (const AttributeAction& action : actions_) {
    switch (action.kind) {
      case Kind::kInsert:
        if (const auto value = source_of(action, attributes)) attributes.insert(action.key, *value);
        break;
      case Kind::kUpdate:
        if (const auto value = source_of(action, attributes)) attributes.update(action.key, *value);
        break;
      case Kind::kUpsert:
        if (const auto value = source_of(action, attributes)) attributes.upsert(action.key, *value);
        break;
      case Kind::kDelete:
        erase(action, attributes);
        break;
      case Kind::kHash:
        hash(action, attributes);
        break;
      case Kind::kExtract:
        extract(action, attributes);
        break;
      case Kind::kConvert:
        convert(action, attributes);
        break;
    }
  }
}

}  // namespace kernspan
