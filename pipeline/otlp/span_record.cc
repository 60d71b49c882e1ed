#include "pipeline/otlp/span_record.h"

#include <fmt/format.h>

namespace kernspan::otlp {

const RecordValue* find_attribute(const RecordAttributes& attributes, std::string_view key) {
  for (const RecordAttribute& attribute : attributes) {
    if (attribute.key == key) return &attribute.value;
  }
  return nullptr;
}

std::string to_text(const RecordValue& value) {
  switch (value.index()) {
    case 0:
      return std::get<0>(value);
    case 1:
      return fmt::format("{}", std::get<1>(value));
    case 2:
      return fmt::format("{}", std::get<2>(value));
    default:
      return std::get<3>(value) ? "true" : "false";
  }
}

std::string attribute_text(const RecordAttributes& attributes, std::string_view key) {
  const RecordValue* value = find_attribute(attributes, key);
  return value == nullptr ? std::string() : to_text(*value);
}

}  // namespace kernspan::otlp
