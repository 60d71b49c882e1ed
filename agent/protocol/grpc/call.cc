#include "agent/protocol/grpc/call.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace kernspan::grpc {
namespace {

constexpr std::string_view kContentType = "application/grpc";
constexpr std::size_t kTimeoutDigitsMax = 8;
constexpr std::size_t kStatusDigitsMax = 3;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

// Takes `lower_case` off the front of `text` if it is there in any case.
bool take(std::string_view& text, std::string_view lower_case) {
  if (text.size() < lower_case.size()) return false;
  for (std::size_t i = 0; i < lower_case.size(); ++i) {
    if (lower(text[i]) != lower_case[i]) return false;
  }
  text.remove_prefix(lower_case.size());
  return true;
}

bool is_name(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-' || c == '$';
  });
}

std::optional<std::uint64_t> decimal(std::string_view digits, std::size_t digits_max) {
  if (digits.empty() || digits.size() > digits_max) return std::nullopt;
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return number;
}

std::optional<std::uint64_t> unit_ns(char unit) {
  switch (unit) {
    case 'n':
      return 1;
    case 'u':
      return 1'000;
    case 'm':
      return 1'000'000;
    case 'S':
      return 1'000'000'000;
    case 'M':
      return 60'000'000'000;
    case 'H':
      return 3'600'000'000'000;
    default:
      return std::nullopt;
  }
}

}  // namespace

Protocol protocol_of(std::string_view content_type) {
  if (!take(content_type, kContentType)) return Protocol::kNone;
  Protocol protocol = Protocol::kGrpc;
  if (take(content_type, "-web-text")) {
    protocol = Protocol::kWebText;
  } else if (take(content_type, "-web")) {
    protocol = Protocol::kWeb;
  }
  const bool ends = content_type.empty() || content_type.front() == '+' ||
                    content_type.front() == ';' || content_type.front() == ' ';
  return ends ? protocol : Protocol::kNone;
}

std::optional<Method> parse_path(std::string_view path) {
  if (!path.starts_with('/')) return std::nullopt;
  path.remove_prefix(1);
  const std::size_t slash = path.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const Method method{.service = path.substr(0, slash), .method = path.substr(slash + 1)};
  if (!is_name(method.service) || !is_name(method.method)) return std::nullopt;
  return method;
}

std::optional<std::uint64_t> parse_timeout(std::string_view value) {
  if (value.empty()) return std::nullopt;
  const std::optional<std::uint64_t> unit = unit_ns(value.back());
  value.remove_suffix(1);
  const std::optional<std::uint64_t> count = decimal(value, kTimeoutDigitsMax);
  if (!unit || !count) return std::nullopt;
  constexpr std::uint64_t kMax = std::numeric_limits<std::uint64_t>::max();
  return *count > kMax / *unit ? kMax : *count * *unit;
}

std::optional<int> parse_status(std::string_view value) {
  const std::optional<std::uint64_t> number = decimal(value, kStatusDigitsMax);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

}  // namespace kernspan::grpc
