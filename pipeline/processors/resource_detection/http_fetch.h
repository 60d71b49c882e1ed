#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "pipeline/base/error.h"

namespace kernspan {

struct HttpFetch {
  std::string url;
  std::filesystem::path unix_socket;  // empty: over the network
  std::filesystem::path ca_file;      // for https
  std::string bearer_token;           // empty: none
  std::chrono::milliseconds timeout{5000};
};

// The body of a GET answered with 200, at most 4 MiB. Follows no redirects and uses no proxy: these
// are local services. What may go away by itself is a retryable error; none has the token in it.
Result<std::string> http_fetch(const HttpFetch& fetch);

}  // namespace kernspan
