// Cross-origin requests of browsers. Spec: fetch.spec.whatwg.org, "CORS protocol"; allowed by the
// rules of github.com/rs/cors, which the collector uses.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/component/authentication.h"

namespace kernspan {

struct CorsSettings {
  std::vector<std::string> allowed_origins = {};  // "*" in one stands for any characters
  std::vector<std::string> allowed_headers = {};  // "*": any
  std::int32_t max_age_s = 0;

  bool enabled() const { return !allowed_origins.empty(); }
};

using HttpHeader = std::pair<std::string, std::string>;

// What a response to the request carries; nothing for origins that are not allowed.
std::vector<HttpHeader> cors_headers(const CorsSettings& settings, const RequestHeaders& request);

// Whether an OPTIONS request asks what is allowed, and the headers that say so.
bool is_preflight(const RequestHeaders& request);
std::vector<HttpHeader> preflight_headers(const CorsSettings& settings,
                                          const RequestHeaders& request);

}  // namespace kernspan
