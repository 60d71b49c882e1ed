#include "agent/span/redaction.h"

#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>

#include "pipeline/base/percent_encoding.h"

namespace kernspan {
namespace {

// Spec: OpenTelemetry semantic conventions, url.query: "SHOULD be redacted by default". The X-Amz
// ones are the same thing in version 4 of AWS' signatures.
constexpr std::array<std::string_view, 7> kSensitiveQueryKeys{
    "AWSAccessKeyId",       "Signature",      "sig", "X-Goog-Signature", "X-Amz-Credential",
    "X-Amz-Security-Token", "X-Amz-Signature"};
constexpr int kGroupsMax = 8;
// Memory of one compiled pattern; RE2's own default is 8 MiB, and there may be a hundred.
constexpr std::int64_t kPatternBytesMax = 1 << 20;

// Writes a text anew, piece by piece.
class Rewriting {
 public:
  Rewriting(std::string_view text, std::string& out) : text_(text), out_(out) { out_.clear(); }

  // `place` lies in the text, behind the last one. False: there are too many.
  bool replace(std::string_view place) {
    const auto begin = static_cast<std::size_t>(place.data() - text_.data());
    // What touches the last place is part of it: one word stands for both.
    if (begin > copied_ || replaced_ == 0) {
      out_.append(text_.substr(copied_, begin - copied_)).append(Redaction::kReplacement);
      ++replaced_;
    }
    copied_ = begin + place.size();
    return replaced_ <= Redaction::kReplacementsMax;
  }
  bool finish() {
    if (replaced_ == 0) return false;
    out_.append(text_.substr(copied_));
    return true;
  }
  std::size_t copied() const { return copied_; }

 private:
  std::string_view text_;
  std::string& out_;
  std::size_t copied_ = 0;
  std::size_t replaced_ = 0;
};

// Fills `out` and returns true if anything matches.
bool replace_matches(const re2::RE2& pattern, std::string_view text, std::string& out) {
  std::array<re2::StringPiece, kGroupsMax + 1> found;
  const int groups = std::min(pattern.NumberOfCapturingGroups(), kGroupsMax);
  Rewriting rewriting(text, out);
  std::size_t at = 0;
  while (at <= text.size() && pattern.Match({text.data(), text.size()}, at, text.size(),
                                            re2::RE2::UNANCHORED, found.data(), groups + 1)) {
    const auto begin = static_cast<std::size_t>(found[0].data() - text.data());
    at = begin + std::max<std::size_t>(found[0].size(), 1);
    for (int i = groups == 0 ? 0 : 1; i <= groups; ++i) {
      const re2::StringPiece& place = found[static_cast<std::size_t>(i)];
      if (place.empty()) continue;
      // Groups may lie in one another: the outer one comes first.
      if (static_cast<std::size_t>(place.data() - text.data()) < rewriting.copied()) continue;
      if (rewriting.replace({place.data(), place.size()})) continue;
      out = Redaction::kReplacement;
      return true;
    }
  }
  return rewriting.finish();
}

}  // namespace

Redaction::Redaction() = default;
Redaction::~Redaction() = default;

Result<std::shared_ptr<const Redaction>> Redaction::create(const RedactionSettings& settings) {
  std::shared_ptr<Redaction> redaction(new Redaction, Deleted());
  redaction->query_keys_ = settings.query_keys;
  for (const std::string& text : settings.patterns) {
    re2::RE2::Options options(re2::RE2::Quiet);
    options.set_max_mem(kPatternBytesMax);
    auto pattern = std::make_unique<const re2::RE2>(text, options);
    if (!pattern->ok()) {
      return permanent(
          fmt::format("\"{}\" is no regular expression of RE2: {}", text, pattern->error()));
    }
    if (pattern->NumberOfCapturingGroups() > kGroupsMax) {
      return permanent(
          fmt::format("\"{}\" has more than {} groups; write (?:...) for those that "
                      "are not to be replaced",
                      text, kGroupsMax));
    }
    redaction->patterns_.push_back(std::move(pattern));
  }
  return std::shared_ptr<const Redaction>(std::move(redaction));
}

std::shared_ptr<const Redaction> Redaction::standard() {
  static const std::shared_ptr<const Redaction> kStandard(new Redaction, Deleted());
  return kStandard;
}

std::string_view Redaction::redacted(std::string_view text, std::string& storage) const {
  if (patterns_.empty() || text.empty()) return text;
  if (text.size() > kTextBytesMax) return kReplacement;
  std::string rewritten;
  for (const Pattern& pattern : patterns_) {
    if (!replace_matches(*pattern, text, rewritten)) continue;
    storage.swap(rewritten);
    text = storage;
  }
  return text;
}

bool Redaction::is_sensitive(std::string_view key) const {
  std::string decoded;
  if (key.find('%') != std::string_view::npos) {
    // What does not decode may be read as anything.
    std::optional<std::string> plain = percent_decoded(key);
    if (!plain) return true;
    decoded = *std::move(plain);
    key = decoded;
  }
  return std::ranges::find(kSensitiveQueryKeys, key) != kSensitiveQueryKeys.end() ||
         std::ranges::find(query_keys_, key) != query_keys_.end();
}

std::string_view Redaction::redacted_query(std::string_view query, std::string& storage) const {
  std::string rewritten;
  Rewriting rewriting(query, rewritten);
  for (std::size_t begin = 0; begin < query.size();) {
    const std::size_t end = std::min(query.find('&', begin), query.size());
    const std::string_view parameter = query.substr(begin, end - begin);
    const std::size_t equals = parameter.find('=');
    begin = end + 1;
    if (equals == std::string_view::npos || equals + 1 == parameter.size()) continue;
    if (!is_sensitive(parameter.substr(0, equals))) continue;
    if (!rewriting.replace(parameter.substr(equals + 1))) return kReplacement;
  }
  if (!rewriting.finish()) return redacted(query, storage);
  std::string by_patterns;
  const std::string_view result = redacted(rewritten, by_patterns);
  storage.assign(result);
  return storage;
}

}  // namespace kernspan
