// The fields of a head, one by one: for those who look for names that the parser does not know.
#pragma once

#include <algorithm>
#include <string_view>

#include "agent/protocol/http1/characters.h"

namespace kernspan::http1 {

struct FieldLine {
  std::string_view name;
  std::string_view value;  // without the spaces around it
};

// Takes the first line off the front of Head::fields. False when there are no more. A line without a
// colon has an empty name.
inline bool take_field_line(std::string_view& lines, FieldLine& field) {
  if (lines.empty()) return false;
  const std::size_t end = std::min(lines.find('\n'), lines.size());
  const std::string_view line = lines.substr(0, end);
  lines.remove_prefix(std::min(end + 1, lines.size()));
  const std::size_t colon = line.find(':');
  field = {};
  if (colon == std::string_view::npos) return true;
  field.name = trim(line.substr(0, colon));
  field.value = trim(line.substr(colon + 1));
  return true;
}

}  // namespace kernspan::http1
