#include "pipeline/processors/tail_sampling/policies/text_patterns.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kernspan::sampling {
namespace {

std::unique_ptr<const RE2> compiled(const std::string& pattern) {
  RE2::Options options(RE2::Quiet);
  options.set_never_capture(true);
  return std::make_unique<const RE2>(pattern, options);
}

}  // namespace

Result<std::shared_ptr<const TextPatterns>> TextPatterns::compile(
    const std::vector<std::string>& patterns) {
  auto result = std::make_shared<TextPatterns>();
  std::string any;
  for (const std::string& pattern : patterns) {
    result->patterns_.push_back(compiled(pattern));
    if (!result->patterns_.back()->ok()) {
      return permanent(fmt::format("cannot compile the pattern \"{}\": {}", pattern,
                                   result->patterns_.back()->error()));
    }
    if (!any.empty()) any += '|';
    any += "(?:" + pattern + ")";
  }
  if (patterns.size() > 1) {
    if (auto alternation = compiled(any); alternation->ok()) {
      result->patterns_.clear();
      result->patterns_.push_back(std::move(alternation));
    }
  }
  return result;
}

bool TextPatterns::match(std::string_view text) const {
  return std::ranges::any_of(patterns_, [text](const auto& pattern) {
    return RE2::PartialMatch({text.data(), text.size()}, *pattern);
  });
}

bool PatternCache::match(std::string_view text) {
  if (text.size() > kLongestText) return patterns_->match(text);
  if (const auto found = by_text_.find(text); found != by_text_.end()) {
    entries_.splice(entries_.begin(), entries_, found->second);
    return found->second->matches;
  }
  const bool matches = patterns_->match(text);
  if (by_text_.size() >= max_size_) {
    // The oldest entry becomes the newest one, so that a full cache allocates little.
    by_text_.erase(entries_.back().text);
    entries_.splice(entries_.begin(), entries_, std::prev(entries_.end()));
    entries_.front() = {std::string(text), matches};
  } else {
    entries_.push_front({std::string(text), matches});
  }
  by_text_.emplace(entries_.front().text, entries_.begin());
  return matches;
}

}  // namespace kernspan::sampling
