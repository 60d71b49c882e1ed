#include "pipeline/extensions/bearer_token_auth/token_set.h"

#include <fmt/format.h>
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>

namespace kernspan {
namespace {

// Each request is compared with every token. Rotation needs two or three.
constexpr std::size_t kMostTokens = 1000;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlanks = " \t\r\n\v\f";
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

bool fits_a_header(std::string_view token) {
  return std::ranges::all_of(token, [](char c) { return c >= ' ' && c <= '~'; });
}

}  // namespace

TokenSet::Digest TokenSet::digest_of(std::string_view value) {
  Digest digest;
  SHA256(reinterpret_cast<const unsigned char*>(value.data()), value.size(), digest.data());
  return digest;
}

Result<TokenSet> TokenSet::create(std::string_view scheme, const std::vector<std::string>& tokens) {
  if (tokens.empty()) return permanent("no bearer token provided");
  if (tokens.size() > kMostTokens) {
    return permanent(
        fmt::format("{} tokens are too many, use at most {}", tokens.size(), kMostTokens));
  }
  TokenSet set;
  for (const std::string& token : tokens) {
    if (token.empty()) return permanent("a token is empty: anybody could come in");
    if (!fits_a_header(token)) {
      return permanent("a token has characters that a header cannot carry: use printable ASCII");
    }
    std::string value = scheme.empty() ? token : fmt::format("{} {}", scheme, token);
    set.digests_.push_back(digest_of(value));
    if (set.first_.empty()) set.first_ = std::move(value);
  }
  return set;
}

Result<TokenSet> TokenSet::from_lines(std::string_view scheme, std::string_view lines) {
  std::vector<std::string> tokens;
  while (!lines.empty()) {
    const std::size_t end = std::min(lines.find('\n'), lines.size());
    const std::string_view token = trim(lines.substr(0, end));
    if (!token.empty()) tokens.emplace_back(token);
    lines.remove_prefix(std::min(end + 1, lines.size()));
  }
  return create(scheme, tokens);
}

bool TokenSet::contains(std::string_view value) const {
  const Digest presented = digest_of(value);
  bool found = false;
  for (const Digest& digest : digests_) {
    const bool equal = CRYPTO_memcmp(digest.data(), presented.data(), digest.size()) == 0;
    found = found | equal;
  }
  return found;
}

}  // namespace kernspan
