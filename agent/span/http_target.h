// A request target and a Host field as the parts that the semantic conventions ask for.
// Spec: RFC 9112 section 3.2 (origin, absolute, authority and asterisk form), RFC 3986 section 3.2.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace kernspan {

struct HttpTarget {
  std::string_view scheme;  // as sent in absolute form; else empty
  std::string_view host;    // without port, brackets or user information
  std::optional<std::uint16_t> port;
  std::string_view path;   // "/" and on, "*", or empty (authority form)
  std::string_view query;  // without '?'
};

// Never fails: what does not parse is left empty. The views point into the arguments.
HttpTarget parse_http_target(std::string_view method, std::string_view target,
                             std::string_view host);

}  // namespace kernspan
