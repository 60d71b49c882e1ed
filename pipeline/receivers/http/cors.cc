#include "pipeline/receivers/http/cors.h"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace kernspan {
namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& c : result) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return result;
}

bool matches(std::string_view pattern, std::string_view origin) {
  const std::size_t star = pattern.find('*');
  if (star == pattern.npos) return pattern == origin;
  const std::string_view head = pattern.substr(0, star);
  const std::string_view tail = pattern.substr(star + 1);
  return origin.size() >= head.size() + tail.size() && origin.starts_with(head) &&
         origin.ends_with(tail);
}

std::optional<std::string_view> allowed_origin(const CorsSettings& settings,
                                               const RequestHeaders& request) {
  const auto origin = request("origin");
  if (!origin) return std::nullopt;
  const std::string text = lower(*origin);
  const bool allowed = std::ranges::any_of(
      settings.allowed_origins,
      [&](const std::string& pattern) { return matches(lower(pattern), text); });
  return allowed ? origin : std::nullopt;
}

bool header_allowed(const CorsSettings& settings, const std::string& name) {
  if (name.empty() || name == "origin" || name == "accept" || name == "content-type") return true;
  if (settings.allowed_headers.empty()) return name == "x-requested-with";
  return std::ranges::any_of(settings.allowed_headers, [&](const std::string& allowed) {
    return allowed == "*" || lower(allowed) == name;
  });
}

bool headers_allowed(const CorsSettings& settings, std::string_view names) {
  while (!names.empty()) {
    std::string_view name = names.substr(0, names.find(','));
    names.remove_prefix(std::min(names.size(), name.size() + 1));
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    if (!header_allowed(settings, lower(name))) return false;
  }
  return true;
}

}  // namespace

std::vector<HttpHeader> cors_headers(const CorsSettings& settings, const RequestHeaders& request) {
  std::vector<HttpHeader> headers = {{"Vary", "Origin"}};
  if (const auto origin = allowed_origin(settings, request)) {
    headers.emplace_back("Access-Control-Allow-Origin", *origin);
    headers.emplace_back("Access-Control-Allow-Credentials", "true");
  }
  return headers;
}

bool is_preflight(const RequestHeaders& request) {
  return request("access-control-request-method").has_value();
}

std::vector<HttpHeader> preflight_headers(const CorsSettings& settings,
                                          const RequestHeaders& request) {
  std::vector<HttpHeader> headers = {
      {"Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"}};
  const auto origin = allowed_origin(settings, request);
  const std::string_view asked = request("access-control-request-headers").value_or("");
  if (!origin || request("access-control-request-method") != "POST" ||
      !headers_allowed(settings, asked)) {
    return headers;
  }
  headers.emplace_back("Access-Control-Allow-Origin", *origin);
  headers.emplace_back("Access-Control-Allow-Methods", "POST");
  if (!asked.empty()) headers.emplace_back("Access-Control-Allow-Headers", asked);
  headers.emplace_back("Access-Control-Allow-Credentials", "true");
  if (settings.max_age_s > 0) {
    headers.emplace_back("Access-Control-Max-Age", std::to_string(settings.max_age_s));
  }
  return headers;
}

}  // namespace kernspan
