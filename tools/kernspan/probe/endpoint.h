#pragma once

#include <string>
#include <string_view>

#include "pipeline/base/error.h"

namespace kernspan::tools {

// Where a probe goes, taken apart.
struct Endpoint {
  std::string host;
  std::string port;
  std::string path;       // of a URL, "" for none
  bool is_url = false;    // it had a scheme
  bool is_plain = false;  // the scheme was http: no TLS
};

// "host:port", "[::1]:4317", "https://host[:port][/path]". Without a port: 4317, or what the URL's
// scheme means.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace kernspan::tools
