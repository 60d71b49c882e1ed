// Takes secrets out of what spans show: what matches a pattern, and the values of query parameters
// that are known to carry credentials.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"

namespace re2 {
class RE2;
}

namespace kernspan {

struct RedactionSettings {
  // RE2 patterns, matched anywhere. Where one has groups, only what these match is replaced.
  std::vector<std::string> patterns;
  // Of query parameters, besides kSensitiveQueryKeys; case counts.
  std::vector<std::string> query_keys;

  bool operator==(const RedactionSettings&) const = default;
};

// Immutable, and for any thread.
class Redaction {
 public:
  static constexpr std::string_view kReplacement = "REDACTED";
  // Beyond this many places the whole text is replaced: what grows by its own redaction is hostile.
  static constexpr std::size_t kReplacementsMax = 256;
  // Where there are patterns, longer texts are replaced as a whole: servers take URLs of 8 KiB, and
  // who sends more wants to see us search.
  static constexpr std::size_t kTextBytesMax = 8192;

  // The error names the pattern that RE2 refuses.
  static Result<std::shared_ptr<const Redaction>> create(const RedactionSettings& settings);
  // No patterns, and the keys of the conventions.
  static std::shared_ptr<const Redaction> standard();

  bool has_patterns() const { return !patterns_.empty(); }

  // These return the text itself where nothing is to be replaced; else `storage`, which holds the
  // result.
  std::string_view redacted(std::string_view text, std::string& storage) const;
  // A query, without its '?': values of sensitive keys first, then patterns.
  std::string_view redacted_query(std::string_view query, std::string& storage) const;

 private:
  using Pattern = std::unique_ptr<const re2::RE2>;
  struct Deleted {
    void operator()(const Redaction* redaction) const { delete redaction; }
  };

  Redaction();
  ~Redaction();

  bool is_sensitive(std::string_view key) const;

  std::vector<Pattern> patterns_;
  std::vector<std::string> query_keys_;
};

}  // namespace kernspan
