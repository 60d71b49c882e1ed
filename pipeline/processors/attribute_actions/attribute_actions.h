// The list of actions that `resource` and `attributes` apply to a set of attributes:
//
//   - {key: cluster, value: eu-1, action: upsert}
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "pipeline/otlp/attribute_editor.h"
#include "pipeline/processors/attribute_actions/attribute_values.h"

namespace re2 {
class RE2;
}

namespace kernspan {

struct AttributeAction {
  enum class Kind { kInsert, kUpdate, kUpsert, kDelete, kHash, kExtract, kConvert };

  Kind kind = Kind::kInsert;
  std::string key;                          // may be empty where there is a pattern
  std::string encoded_value;                // of insert, update and upsert, unless it is
  std::string from_attribute;               // another attribute's
  std::shared_ptr<const re2::RE2> pattern;  // shared, because actions are copied; immutable
  std::vector<std::string> group_names;     // of extract: what the pattern's groups become
  ConvertedType converted_type = ConvertedType::kString;
};

// Applies its actions in order. Any thread.
class AttributeActions {
 public:
  // Reads the list below `key`, which must have an item. Problems go to the reader's finish().
  static AttributeActions read(ConfigReader& reader, const char* key);

  void apply(otlp::AttributeEditor& attributes) const;

 private:
  std::vector<AttributeAction> actions_;
};

}  // namespace kernspan
