#include "pipeline/processors/tail_sampling/policies/trace_state_member.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace kernspan::sampling {
namespace {

constexpr std::size_t kMostMembers = 32;
constexpr std::string_view kBlanks = " \t";

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}

bool is_lower_or_digit(char c) {
  return is_lower(c) || (c >= '0' && c <= '9');
}

bool is_key_char(char c) {
  return is_lower_or_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

// A part of a key whose first character is special.
bool is_key_part(std::string_view part, std::size_t most_more, bool digit_first) {
  return !part.empty() && part.size() - 1 <= most_more &&
         (is_lower(part[0]) || (digit_first && is_lower_or_digit(part[0]))) &&
         std::ranges::all_of(part.substr(1), is_key_char);
}

bool is_key(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) return is_key_part(key, 255, false);
  return is_key_part(key.substr(0, at), 240, true) && is_key_part(key.substr(at + 1), 13, false);
}

bool is_value(std::string_view value) {
  constexpr std::size_t kLongest = 256;
  return !value.empty() && value.size() <= kLongest && value.back() != ' ' &&
         std::ranges::all_of(value,
                             [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

}  // namespace

std::string_view trace_state_member(std::string_view trace_state, std::string_view key) {
  std::array<std::string_view, kMostMembers> keys;
  std::size_t members = 0;
  std::string_view found;
  while (!trace_state.empty()) {
    const std::size_t comma = std::min(trace_state.find(','), trace_state.size());
    const std::string_view member = trace_state.substr(0, comma);
    trace_state.remove_prefix(std::min(comma + 1, trace_state.size()));
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || members == kMostMembers) return {};
    std::string_view name = member.substr(0, equals);
    std::string_view value = member.substr(equals + 1);
    name.remove_prefix(std::min(name.find_first_not_of(kBlanks), name.size()));
    value = value.substr(0, value.find_last_not_of(kBlanks) + 1);
    const auto known_end = keys.begin() + static_cast<std::ptrdiff_t>(members);
    if (!is_key(name) || !is_value(value) ||
        std::find(keys.begin(), known_end, name) != known_end) {
      return {};
    }
    keys[members++] = name;
    if (name == key) found = value;
  }
  return found;
}

}  // namespace kernspan::sampling
