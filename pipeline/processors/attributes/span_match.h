#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "pipeline/otlp/span_view.h"

namespace re2 {
class RE2;
}

namespace kernspan {

// Words, or patterns that are looked for anywhere in a text.
class TextMatch {
 public:
  void add_word(std::string word) { words_.push_back(std::move(word)); }
  void add_pattern(std::shared_ptr<const re2::RE2> pattern) {
    patterns_.push_back(std::move(pattern));
  }

  bool empty() const { return words_.empty() && patterns_.empty(); }
  bool matches(std::string_view text) const;  // one of them

 private:
  std::vector<std::string> words_;
  std::vector<std::shared_ptr<const re2::RE2>> patterns_;  // immutable
};

// What `include` or `exclude` says of a span: every property that is given must match. Any thread.
class SpanMatch {
 public:
  // Nothing when the key is absent, or the block is wrong: problems go to the reader's finish().
  static std::optional<SpanMatch> read(ConfigReader& reader, const char* key);

  bool matches(const otlp::SpanView& span, const otlp::ResourceView& resource,
               const otlp::ScopeView& scope) const;

 private:
  friend class SpanMatchReader;

  struct AttributeMatch {
    std::string key;
    std::string encoded_value;  // both empty: any value
    TextMatch text;
  };
  struct LibraryMatch {
    TextMatch name;
    std::optional<TextMatch> version;  // absent: any
  };

  static bool all_match(const std::vector<AttributeMatch>& wanted, otlp::AttributeRange attributes);

  TextMatch services_;
  TextMatch span_names_;
  TextMatch span_kinds_;
  std::vector<AttributeMatch> attributes_;
  std::vector<AttributeMatch> resources_;
  std::vector<LibraryMatch> libraries_;
};

}  // namespace kernspan
