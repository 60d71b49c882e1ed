#include "pipeline/processors/probabilistic_sampler/trace_state.h"

#include <algorithm>
#include <cstring>

namespace kernspan {
namespace {

// W3C Trace Context: 32 members; keys of 256 characters, 241 and 14 around an @; values of 256.
// The limit of the whole is upstream's.
constexpr std::size_t kLargestBytes = 1024;
constexpr std::size_t kMostMembers = 32;
constexpr std::size_t kLongestKey = 256;
constexpr std::size_t kLongestTenant = 241;
constexpr std::size_t kLongestSystem = 14;
constexpr std::size_t kLongestValue = 256;
constexpr std::size_t kLongestOtelValue = 256;

constexpr const char* kBadSize = "invalid tracestate size";
constexpr const char* kBadSyntax = "tracestate: invalid syntax";

constexpr bool is_lower(char c) {
  return c >= 'a' && c <= 'z';
}
constexpr bool is_lower_or_digit(char c) {
  return is_lower(c) || (c >= '0' && c <= '9');
}
constexpr bool is_key_char(char c) {
  return is_lower_or_digit(c) || c == '_' || c == '-' || c == '*' || c == '/';
}
constexpr bool is_value_char(char c) {
  return c >= ' ' && c <= '~' && c != ',' && c != '=';
}
constexpr bool is_otel_value_char(char c) {
  return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
}

const char* check_key(std::string_view key) {
  const std::size_t at = key.find('@');
  if (at == std::string_view::npos) {
    if (key.empty() || !is_lower(key[0])) return kBadSyntax;
    if (!std::ranges::all_of(key, is_key_char)) return kBadSyntax;
    return key.size() > kLongestKey ? kBadSize : nullptr;
  }
  const std::string_view tenant = key.substr(0, at);
  const std::string_view system = key.substr(at + 1);
  if (tenant.empty() || !is_lower_or_digit(tenant[0])) return kBadSyntax;
  if (system.empty() || !is_lower(system[0])) return kBadSyntax;
  if (!std::ranges::all_of(tenant, is_key_char)) return kBadSyntax;
  if (!std::ranges::all_of(system, is_key_char)) return kBadSyntax;
  return tenant.size() > kLongestTenant || system.size() > kLongestSystem ? kBadSize : nullptr;
}

const char* check_value(std::string_view value) {
  if (value.empty() || value.size() > kLongestValue) return kBadSyntax;
  if (value.back() == ' ' || !std::ranges::all_of(value, is_value_char)) return kBadSyntax;
  return nullptr;
}

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

void append_member(std::string& text, char separator, std::string_view member) {
  if (!text.empty()) text += separator;
  text += member;
}

}  // namespace

std::expected<TraceState, const char*> TraceState::parse(std::string_view text) {
  if (text.size() > kLargestBytes) return std::unexpected(kBadSize);
  TraceState state;
  const char* error = nullptr;
  std::size_t members = 0;
  while (!text.empty()) {
    const std::string_view member = trim(take_until(text, ','));
    if (++members > kMostMembers) return std::unexpected(kBadSize);
    if (member.empty()) continue;
    const std::size_t equals = member.find('=');
    if (equals == std::string_view::npos) return std::unexpected(kBadSyntax);
    const char* wrong = state.parse_member(member.substr(0, equals), member.substr(equals + 1));
    if (wrong == nullptr) continue;
    // A member that is not well-formed spoils all; a bad value of OpenTelemetry's comes second.
    error = wrong;
    if (std::strcmp(wrong, kBadSyntax) == 0) break;
  }
  if (error != nullptr) return std::unexpected(error);
  return state;
}

const char* TraceState::parse_member(std::string_view key, std::string_view value) {
  if (const char* error = check_key(key)) return error;
  if (const char* error = check_value(value)) return error;
  if (key == "ot") return parse_otel(value);
  rest_.emplace_back(key.data(), key.size() + 1 + value.size());
  return nullptr;
}

const char* TraceState::parse_otel(std::string_view value) {
  if (value.size() > kLongestOtelValue) return kBadSize;
  if (value.ends_with(';')) return kBadSyntax;
  // Where there are two, the last one counts.
  randomness_.reset();
  clear_threshold();
  otel_rest_.clear();
  while (!value.empty()) {
    const std::string_view member = take_until(value, ';');
    const std::size_t colon = member.find(':');
    if (colon == 0 || colon == std::string_view::npos || !is_lower(member[0])) return kBadSyntax;
    const std::string_view key = member.substr(0, colon);
    const std::string_view text = member.substr(colon + 1);
    if (!std::ranges::all_of(key, is_lower_or_digit)) return kBadSyntax;
    if (!std::ranges::all_of(text, is_otel_value_char)) return kBadSyntax;
    if (key == "rv") {
      randomness_ = Randomness::parse(text);
      if (!randomness_) return "r-value must have 14 hex digits";
      randomness_digits_ = text;
    } else if (key == "th") {
      const std::expected<Threshold, const char*> threshold = Threshold::parse(text);
      if (!threshold) return threshold.error();
      threshold_ = *threshold;
      threshold_digits_ = text;
    } else {
      otel_rest_.push_back(member);
    }
  }
  return nullptr;
}

void TraceState::set_randomness(Randomness randomness) {
  randomness_ = randomness;
  randomness_digits_ = randomness.digits();
}

void TraceState::clear_threshold() {
  threshold_.reset();
  threshold_digits_.clear();
}

bool TraceState::raise_threshold(Threshold threshold) {
  if (threshold_ && *threshold_ > threshold) return false;
  threshold_ = threshold;
  threshold_digits_ = threshold.digits();
  return true;
}

std::string TraceState::to_string() const {
  std::string otel;
  if (randomness_) append_member(otel, ';', "rv:" + randomness_digits_);
  if (threshold_) append_member(otel, ';', "th:" + threshold_digits_);
  for (const std::string_view member : otel_rest_) append_member(otel, ';', member);
  std::string text;
  if (!otel.empty()) text = "ot=" + otel;
  for (const std::string_view member : rest_) append_member(text, ',', member);
  return text;
}

}  // namespace kernspan
