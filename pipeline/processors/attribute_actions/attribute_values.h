// Values of attributes as the actions of `resource` and `attributes` make them: encoded AnyValues.
#pragma once

#include <optional>
#include <string>

#include "pipeline/component/config_node.h"
#include "pipeline/otlp/attribute_view.h"

namespace kernspan {

// A value out of the configuration, with the type that YAML gives it: text, whole number, number,
// true or false, list, map. Nothing for null.
//
// What came from the environment is always text: `${CLUSTER_NAME}` stays the name it is when the
// cluster is called 0123. The collector makes a number of it; the action convert does that here.
std::optional<std::string> encode_configured_value(const ConfigNode& node);

// As the collector shows a value: numbers in decimal, bytes in base64, lists and maps as JSON.
std::string value_text(const otlp::ValueView& value);

// The lower-case hex SHA-256 of the value's bytes, as text: of a string itself, of a bool one byte,
// of a number its eight bytes, lowest first. Of anything else, and of the empty string, the empty
// string.
std::string hash_value(const otlp::ValueView& value);

enum class ConvertedType { kString, kInt, kDouble };

// Nothing when the value has that type already, or cannot be converted.
std::optional<std::string> convert_value(const otlp::ValueView& value, ConvertedType type);

}  // namespace kernspan
