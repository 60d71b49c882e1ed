#include "agent/span/http_target.h"

#include <charconv>

namespace kernspan {
namespace {

// "[2001:db8::1]:8080", "host:8080", "host": user information has been taken off.
void split_authority(std::string_view authority, HttpTarget& out) {
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return;
    out.host = authority.substr(1, end - 1);
    port = authority.substr(end + 1);
    if (port.starts_with(':')) port.remove_prefix(1);
  } else {
    const std::size_t colon = authority.find(':');
    out.host = authority.substr(0, colon);
    if (colon != std::string_view::npos) port = authority.substr(colon + 1);
  }
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error == std::errc() && end == port.data() + port.size() && number != 0) out.port = number;
}

void split_path(std::string_view rest, HttpTarget& out) {
  rest = rest.substr(0, rest.find('#'));
  const std::size_t mark = rest.find('?');
  out.path = rest.substr(0, mark);
  if (mark != std::string_view::npos) out.query = rest.substr(mark + 1);
}

}  // namespace

HttpTarget parse_http_target(std::string_view method, std::string_view target,
                             std::string_view host) {
  HttpTarget out;
  if (method == "CONNECT") {
    split_authority(target, out);
    return out;
  }
  const std::size_t scheme_end = target.find("://");
  if (target.starts_with('/') || target == "*" || scheme_end == std::string_view::npos) {
    split_authority(host, out);
    split_path(target, out);
    return out;
  }
  out.scheme = target.substr(0, scheme_end);
  std::string_view rest = target.substr(scheme_end + 3);
  const std::size_t authority_end = rest.find_first_of("/?#");
  std::string_view authority = rest.substr(0, authority_end);
  // User information is a secret, and of no use here.
  if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
    authority.remove_prefix(at + 1);
  }
  split_authority(authority, out);
  if (authority_end != std::string_view::npos) split_path(rest.substr(authority_end), out);
  if (out.path.empty()) out.path = "/";
  return out;
}

}  // namespace kernspan
