#include "agent/protocol/http1/start_line.h"

#include <algorithm>
#include <array>

#include "agent/protocol/http1/characters.h"

namespace kernspan::http1 {
namespace {

constexpr std::string_view kVersionPrefix = "HTTP/1.";
constexpr std::size_t kVersionBytes = kVersionPrefix.size() + 1;
constexpr std::size_t kStatusDigits = 3;

// RFC 9110, PATCH, QUERY, WebDAV and its kin, UPnP, cache purging. A name that ends another one
// (PATCH and PROPPATCH) is here only where it is common.
constexpr std::array<std::string_view, 27> kKnownMethods = {
    "GET",    "HEAD",     "POST",   "PUT",        "DELETE",     "CONNECT",  "OPTIONS",
    "TRACE",  "PATCH",    "QUERY",  "PROPFIND",   "MKCOL",      "COPY",     "MOVE",
    "LOCK",   "ACL",      "REPORT", "MKCALENDAR", "MKACTIVITY", "CHECKOUT", "MERGE",
    "SEARCH", "M-SEARCH", "NOTIFY", "SUBSCRIBE",  "PURGE",      "BAN"};

std::string_view skip_spaces(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return text;
}

bool is_version(std::string_view text) {
  return text.size() == kVersionBytes && text.starts_with(kVersionPrefix) && is_digit(text.back());
}

std::string_view parse_request_line(std::string_view line, StartLine& out) {
  const std::size_t method_bytes = token_size(line, kMethodBytesMax);
  if (method_bytes == line.size()) return "method";
  out.method = line.substr(0, method_bytes);
  std::string_view rest = skip_spaces(line.substr(method_bytes));
  while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
  // The version stands last, in eight bytes behind a space.
  if (rest.size() < kVersionBytes + 2 || !is_space(rest[rest.size() - kVersionBytes - 1])) {
    return is_version(rest) ? "target" : "version";
  }
  const std::string_view version = rest.substr(rest.size() - kVersionBytes);
  if (!is_version(version)) {
    return line == "PRI * HTTP/2.0" ? "http2_preface" : "version";
  }
  out.version_minor = version.back() - '0';
  rest.remove_suffix(kVersionBytes);
  while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
  if (rest.empty() || contains_control_or_space(rest)) return "target";
  out.target = rest;
  return {};
}

std::string_view parse_status_line(std::string_view line, StartLine& out) {
  if (line.size() < kVersionBytes + 1 + kStatusDigits || !is_space(line[kVersionBytes])) {
    return "status_line";
  }
  out.version_minor = line[kVersionBytes - 1] - '0';
  const std::string_view rest = skip_spaces(line.substr(kVersionBytes));
  if (rest.size() < kStatusDigits || !is_digit(rest[0]) || rest[0] == '0' || !is_digit(rest[1]) ||
      !is_digit(rest[2]) || (rest.size() > kStatusDigits && !is_space(rest[kStatusDigits]))) {
    return "status";
  }
  const std::string_view reason = rest.substr(kStatusDigits);
  if (contains_control(reason) && std::any_of(reason.begin(), reason.end(), [](char c) {
        return c != '\t' && contains_control({&c, 1});
      })) {
    return "reason_phrase";
  }
  out.status = (rest[0] - '0') * 100 + (rest[1] - '0') * 10 + (rest[2] - '0');
  return {};
}

// Compares as far as both go.
bool agrees(std::string_view bytes, std::string_view expected) {
  const std::size_t size = std::min(bytes.size(), expected.size());
  return bytes.substr(0, size) == expected.substr(0, size);
}

}  // namespace

std::string_view check_begun_start_line(MessageKind kind, std::string_view begun) {
  if (kind == MessageKind::kResponse) {
    if (!agrees(begun, kVersionPrefix)) {
      return agrees(begun, kVersionPrefix.substr(0, 5)) ? "version" : "status_line";
    }
    if (begun.size() >= kVersionBytes && !is_digit(begun[kVersionBytes - 1])) return "version";
    return {};
  }
  const std::size_t method_bytes = token_size(begun, kMethodBytesMax + 1);
  if (method_bytes > kMethodBytesMax) return "method";
  if (method_bytes == begun.size()) return {};
  return method_bytes == 0 || !is_space(begun[method_bytes]) ? "method" : "";
}

std::string_view parse_start_line(MessageKind kind, std::string_view line, StartLine& out) {
  return kind == MessageKind::kRequest ? parse_request_line(line, out)
                                       : parse_status_line(line, out);
}

bool parse_cut_start_line(MessageKind kind, std::string_view begun, StartLine& out) {
  if (!check_begun_start_line(kind, begun).empty()) return false;
  if (kind == MessageKind::kRequest) {
    const std::size_t method_bytes = token_size(begun, kMethodBytesMax);
    if (method_bytes == begun.size()) return false;
    out.method = begun.substr(0, method_bytes);
    return true;
  }
  constexpr std::size_t kStatusEnd = kVersionBytes + 1 + kStatusDigits;
  return begun.size() >= kStatusEnd && parse_status_line(begun.substr(0, kStatusEnd), out).empty();
}

StartGuess guess_start(MessageKind kind, std::string_view bytes) {
  if (bytes.empty()) return StartGuess::kUndecided;
  if (kind == MessageKind::kResponse) {
    if (!agrees(bytes, kVersionPrefix)) return StartGuess::kNo;
    return bytes.size() >= kVersionPrefix.size() ? StartGuess::kYes : StartGuess::kUndecided;
  }
  for (const std::string_view method : kKnownMethods) {
    if (!agrees(bytes, method)) continue;
    if (bytes.size() <= method.size()) return StartGuess::kUndecided;
    if (bytes[method.size()] == ' ') return StartGuess::kYes;
  }
  return StartGuess::kNo;
}

}  // namespace kernspan::http1
