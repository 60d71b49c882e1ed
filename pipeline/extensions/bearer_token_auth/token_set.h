#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan {

// The values that an authorization header may have. Immutable; any thread.
class TokenSet {
 public:
  // `scheme` may be empty: the token alone is the value. Fails when there is no token, or one has
  // characters that no header can carry; the message has no token in it.
  static Result<TokenSet> create(std::string_view scheme, const std::vector<std::string>& tokens);
  // One token a line; blanks around it and empty lines do not count.
  static Result<TokenSet> from_lines(std::string_view scheme, std::string_view lines);

  // Takes a time that depends on the length of `value` and on the number of tokens only: digests
  // are compared, all of them, to their end.
  bool contains(std::string_view value) const;

  // What a client sends: the first token's.
  const std::string& first() const { return first_; }
  std::size_t size() const { return digests_.size(); }
  bool operator==(const TokenSet& other) const { return digests_ == other.digests_; }

 private:
  using Digest = std::array<std::uint8_t, 32>;  // SHA-256

  static Digest digest_of(std::string_view value);

  std::string first_;
  std::vector<Digest> digests_;
};

}  // namespace kernspan
