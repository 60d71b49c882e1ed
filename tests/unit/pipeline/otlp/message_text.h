// Messages written by hand, a field at a time.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::otlp {

inline std::string field(std::uint32_t number, std::string_view content) {
  std::string bytes;
  append_bytes_field(bytes, number, content);
  return bytes;
}

// An AnyValue.
inline std::string text(std::string_view value) {
  return field(wire::any_value::kString, value);
}

inline std::string key_value(std::string_view key, std::string_view any_value) {
  return field(wire::key_value::kKey, key) + field(wire::key_value::kValue, any_value);
}

}  // namespace kernspan::otlp
