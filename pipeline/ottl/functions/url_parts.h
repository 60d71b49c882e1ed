#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"

namespace kernspan::ottl {

// The parts of a URL, percent-decoded but for the query. Spec: RFC 3986, with Go's leniency: a URL
// without a scheme or a host is one.
struct UrlParts {
  std::string scheme;
  std::string host;  // without brackets and port
  std::optional<std::int64_t> port;
  std::optional<std::string> user_info;  // as it is written
  std::string user;
  std::optional<std::string> password;
  std::string path;
  std::string query;
  std::string fragment;
};

Result<UrlParts> parse_url(std::string_view url);

}  // namespace kernspan::ottl
