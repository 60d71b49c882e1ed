#include "tools/kernspan/probe/endpoint.h"

#include <fmt/format.h>

namespace kernspan::tools {
namespace {

bool is_port(std::string_view text) {
  return !text.empty() && text.size() <= 5 &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// Splits "host:port" or "[address]:port"; the port may be missing.
Status read_authority(std::string_view authority, Endpoint* endpoint) {
  std::string_view rest;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return permanent("\"[\" without \"]\"");
    endpoint->host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
  } else {
    const std::size_t colon = authority.find(':');
    if (colon != authority.rfind(':')) {
      return permanent("an IPv6 address needs brackets: [::1]:4317");
    }
    endpoint->host = authority.substr(0, colon);
    rest = colon == std::string_view::npos ? std::string_view() : authority.substr(colon);
  }
  if (endpoint->host.empty()) return permanent("the host is missing");
  if (rest.empty()) return {};
  if (rest.front() != ':' || !is_port(rest.substr(1))) {
    return permanent("expected host:port, for example gateway:4317");
  }
  endpoint->port = rest.substr(1);
  return {};
}

}  // namespace

Result<Endpoint> parse_endpoint(std::string_view text) {
  Endpoint endpoint;
  std::string default_port = "4317";
  for (const auto& [scheme, port] : {std::pair{"http://", "80"}, std::pair{"https://", "443"}}) {
    if (!text.starts_with(scheme)) continue;
    endpoint.is_url = true;
    endpoint.is_plain = std::string_view(scheme) == "http://";
    default_port = port;
    text.remove_prefix(std::string_view(scheme).size());
    const std::size_t slash = std::min(text.find('/'), text.size());
    endpoint.path = text.substr(slash);
    text = text.substr(0, slash);
    break;
  }
  if (Status read = read_authority(text, &endpoint); !read) return std::unexpected(read.error());
  if (endpoint.port.empty()) endpoint.port = default_port;
  return endpoint;
}

}  // namespace kernspan::tools
