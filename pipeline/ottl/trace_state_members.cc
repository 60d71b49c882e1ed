// The members of a tracestate: key=value, key=value ...
// Spec: w3.org/TR/trace-context-2 section 3.3.
#include <algorithm>
#include <string>
#include <vector>

#include "pipeline/ottl/path_table.h"

namespace kernspan::ottl {
namespace {

constexpr std::size_t kMaxMembers = 32;
constexpr std::size_t kMaxMemberText = 256;  // of a key, and of a value

struct StateMember {
  std::string_view key;
  std::string_view value;
};

std::string_view trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t") + 1 - begin);
}

bool is_state_key(std::string_view key) {
  if (key.empty() || key.size() > kMaxMemberText) return false;
  return std::ranges::all_of(key, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("_-*/@").contains(c);
  });
}

bool is_state_value(std::string_view value) {
  if (value.empty() || value.size() > kMaxMemberText || value.back() == ' ') return false;
  return std::ranges::all_of(value,
                             [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::optional<std::vector<StateMember>> members_of(std::string_view text) {
  std::vector<StateMember> members;
  while (!text.empty()) {
    const std::size_t comma = text.find(',');
    const std::string_view member = trimmed(text.substr(0, comma));
    text = comma == std::string_view::npos ? std::string_view() : text.substr(comma + 1);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || members.size() == kMaxMembers) return std::nullopt;
    members.push_back({member.substr(0, equals), member.substr(equals + 1)});
    if (!is_state_key(members.back().key) || !is_state_value(members.back().value)) {
      return std::nullopt;
    }
  }
  return members;
}

}  // namespace

std::optional<std::string_view> trace_state_member(std::string_view trace_state,
                                                   std::string_view key) {
  const auto members = members_of(trace_state);
  if (!members) return std::nullopt;
  const auto found = std::ranges::find(*members, key, &StateMember::key);
  return found == members->end() ? std::string_view() : found->value;
}

std::string with_trace_state_member(std::string_view trace_state, std::string_view key,
                                    std::string_view value) {
  const auto members = members_of(trace_state);
  std::string text(trace_state);
  if (!members || !is_state_key(key) || !is_state_value(value)) return text;
  text = key;
  text += '=';
  text += value;
  std::size_t count = 1;
  for (const StateMember& member : *members) {
    if (member.key == key || count++ == kMaxMembers) continue;
    text += ',';
    text += member.key;
    text += '=';
    text += member.value;
  }
  return text;
}

}  // namespace kernspan::ottl
