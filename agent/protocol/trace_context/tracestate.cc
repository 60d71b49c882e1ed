// list = member *( OWS "," OWS member ); member = key "=" value, or empty
// key  = lcalpha 0*255( lcalpha / DIGIT / "_" / "-" / "*" / "/" )
//      / ( lcalpha / DIGIT ) 0*240( the same ) "@" lcalpha 0*13( the same )
// value = 1*256( printable ASCII but "," and "=" ), not ending with a space
#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "agent/protocol/trace_context/trace_context.h"

namespace kernspan {
namespace {

// All from the specification: sections 3.3.1.1, 3.3.1.3 and 3.3.1.5.
constexpr std::size_t kMembersMax = 32;
constexpr std::size_t kKeyBytesMax = 256;
constexpr std::size_t kTenantBytesMax = 241;
constexpr std::size_t kSystemBytesMax = 14;
constexpr std::size_t kValueBytesMax = 256;
constexpr std::size_t kListBytesKept = 512;
constexpr std::size_t kLongMemberBytes = 128;

bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_key_char(char c) {
  return is_lower(c) || is_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}

bool is_key_part(std::string_view part, std::size_t bytes_max) {
  return !part.empty() && part.size() <= bytes_max &&
         std::all_of(part.begin(), part.end(), is_key_char);
}

bool is_key(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) return is_key_part(key, kKeyBytesMax) && is_lower(key.front());
  const std::string_view tenant = key.substr(0, at);
  const std::string_view system = key.substr(at + 1);
  return is_key_part(tenant, kTenantBytesMax) &&
         (is_lower(tenant.front()) || is_digit(tenant.front())) &&
         is_key_part(system, kSystemBytesMax) && is_lower(system.front());
}

bool is_value(std::string_view value) {
  return !value.empty() && value.size() <= kValueBytesMax &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return c >= ' ' && c <= '~' && c != ',' && c != '='; });
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

std::size_t joined_bytes(const std::vector<std::string_view>& members) {
  std::size_t bytes = members.empty() ? 0 : members.size() - 1;
  for (const std::string_view member : members) bytes += member.size();
  return bytes;
}

void shorten(std::vector<std::string_view>& members) {
  while (joined_bytes(members) > kListBytesKept) {
    const auto is_long = [](std::string_view member) { return member.size() > kLongMemberBytes; };
    const auto last_long = std::find_if(members.rbegin(), members.rend(), is_long);
    members.erase(last_long == members.rend() ? members.end() - 1 : last_long.base() - 1);
  }
}

}  // namespace

std::string parse_tracestate(std::string_view tracestate) {
  std::vector<std::string_view> members;
  while (!tracestate.empty()) {
    const std::size_t comma = std::min(tracestate.find(','), tracestate.size());
    const std::string_view member = trim(tracestate.substr(0, comma));
    tracestate.remove_prefix(std::min(comma + 1, tracestate.size()));
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos || members.size() == kMembersMax ||
        !is_key(member.substr(0, equals)) || !is_value(member.substr(equals + 1))) {
      return {};
    }
    members.push_back(member);
  }
  shorten(members);
  std::string joined;
  for (const std::string_view member : members) {
    if (!joined.empty()) joined += ',';
    joined += member;
  }
  return joined;
}

}  // namespace kernspan
