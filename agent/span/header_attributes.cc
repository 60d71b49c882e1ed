#include "agent/span/header_attributes.h"

#include <algorithm>
#include <array>
#include <span>

namespace kernspan {
namespace {

// Names that carry credentials without one of the words below.
constexpr std::array<std::string_view, 4> kSensitiveNames{
    "x-amz-cf-id", "x-goog-iap-jwt-assertion", "x-original-authorization", "x-ssl-client-key"};
constexpr std::array<std::string_view, 16> kSensitiveWords{
    "auth",    "cookie",     "token",      "secret",  "password",  "passwd",  "api-key", "apikey",
    "api_key", "access-key", "credential", "session", "signature", "private", "jwt",     "csrf"};
// Fields whose values are URLs: their queries are as sensitive as the request's.
constexpr std::array<std::string_view, 6> kUrlNames{"content-location", "location",
                                                    "referer",          "x-forwarded-uri",
                                                    "x-original-url",   "x-rewrite-url"};

// Not in the middle of a character.
std::string_view cut(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t size = bytes_max;
  while (size > 0 && (static_cast<unsigned char>(text[size]) & 0xC0) == 0x80) --size;
  return text.substr(0, size);
}

std::string_view key_prefix(bool is_grpc, bool of_response) {
  if (is_grpc) return of_response ? "rpc.grpc.response.metadata." : "rpc.grpc.request.metadata.";
  return of_response ? "http.response.header." : "http.request.header.";
}

}  // namespace

bool is_sensitive_header(std::string_view name) {
  return std::ranges::find(kSensitiveNames, name) != kSensitiveNames.end() ||
         std::ranges::any_of(kSensitiveWords, [name](std::string_view word) {
           return name.find(word) != std::string_view::npos;
         });
}

std::string_view HeaderAttributes::shown_url(std::string_view url, const SpanOptions& options) {
  std::string& text = texts_.emplace_back();
  const std::size_t mark = std::min(url.find('?'), url.size());
  std::string_view base = url.substr(0, mark);
  // User information is a secret.
  const std::size_t scheme_end = base.find("://");
  if (scheme_end != std::string_view::npos) {
    const std::string_view rest = base.substr(scheme_end + 3);
    const std::string_view authority = rest.substr(0, rest.find('/'));
    if (const std::size_t at = authority.rfind('@'); at != std::string_view::npos) {
      text.append(base.substr(0, scheme_end + 3));
      base = rest.substr(at + 1);
    }
  }
  text.append(base);
  if (mark == url.size()) return text;
  std::string storage;
  const std::string_view query = url.substr(mark + 1);
  text.append("?").append(options.url_query ? options.redaction->redacted_query(query, storage)
                                            : Redaction::kReplacement);
  return text;
}

std::string_view HeaderAttributes::shown(const CapturedHeader& field, const SpanOptions& options,
                                         SpanContentCounters& counters) {
  if (is_sensitive_header(field.name) && !options.revealed_headers.contains(field.name)) {
    ++counters.header_values_redacted;
    return Redaction::kReplacement;
  }
  std::string_view value = field.value;
  if (std::ranges::find(kUrlNames, field.name) != kUrlNames.end()) {
    value = shown_url(value, options);
  }
  if (options.redaction->has_patterns()) {
    value = options.redaction->redacted(value, texts_.emplace_back());
  }
  // Only now: of half a secret no pattern knows that it is one.
  const std::string_view whole = value;
  value = cut(whole, options.header_value_bytes);
  if (value.size() != whole.size()) ++counters.header_values_cut;
  return value;
}

void HeaderAttributes::add(const Exchange& exchange, const SpanOptions& options,
                           ExchangeAttributes& attributes, SpanContentCounters& counters) {
  if (!exchange.headers) return;
  const std::span<const CapturedHeader> fields = exchange.headers->fields();
  texts_.clear();
  values_.clear();
  values_.reserve(fields.size());  // so that no list moves
  const auto is_same = [](const CapturedHeader& a, const CapturedHeader& b) {
    return a.of_response == b.of_response && a.name == b.name;
  };
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const CapturedHeader& field = fields[i];
    const HeaderNames& allowed =
        field.of_response ? options.response_headers : options.request_headers;
    if (!allowed.contains(field.name)) continue;
    const auto is_of_this = [&](const CapturedHeader& other) { return is_same(field, other); };
    if (std::ranges::any_of(fields.first(i), is_of_this)) continue;
    const std::size_t begin = values_.size();
    for (const CapturedHeader& other : fields.subspan(i)) {
      if (is_of_this(other)) values_.push_back(shown(other, options, counters));
    }
    std::string& key = texts_.emplace_back(key_prefix(exchange.is_grpc(), field.of_response));
    key += field.name;
    attributes.add(key, std::span<const std::string_view>(values_).subspan(begin));
  }
}

}  // namespace kernspan
