#pragma once

#include <re2/re2.h>

#include <cstddef>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan::sampling {

// Regular expressions in RE2's syntax, any of which may match anywhere in a text. Several threads
// may use one.
class TextPatterns {
 public:
  // Fails with the pattern and the reason.
  static Result<std::shared_ptr<const TextPatterns>> compile(
      const std::vector<std::string>& patterns);

  bool match(std::string_view text) const;

 private:
  // One alternation of all, where that compiles; else each for itself.
  std::vector<std::unique_ptr<const RE2>> patterns_;
};

// Remembers what became of the texts that were seen last. One thread.
class PatternCache {
 public:
  // `max_size`: texts.
  PatternCache(std::shared_ptr<const TextPatterns> patterns, std::size_t max_size)
      : patterns_(std::move(patterns)), max_size_(max_size) {}

  bool match(std::string_view text);
  std::size_t size() const { return by_text_.size(); }

 private:
  // Longer ones are matched each time: the cache has at most 256 bytes per entry.
  static constexpr std::size_t kLongestText = 256;

  struct Entry {
    std::string text;
    bool matches = false;
  };

  std::shared_ptr<const TextPatterns> patterns_;
  std::size_t max_size_;
  std::list<Entry> entries_;  // the one that was used last in front
  std::unordered_map<std::string_view, std::list<Entry>::iterator> by_text_;  // views of entries
};

}  // namespace kernspan::sampling
