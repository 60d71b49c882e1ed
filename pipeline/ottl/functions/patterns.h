// Regular expressions (RE2, which is Go's dialect) and globs as statements use them.
#pragma once

#include <re2/re2.h>

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/ottl/function.h"

namespace kernspan::ottl {

// The error is RE2's, worded as Go words its own: "error parsing regexp: ...".
Result<std::shared_ptr<const re2::RE2>> compile_pattern(std::string_view pattern);

// A glob as an expression that matches whole texts: `*` any text, `?` any character, `[abc]`,
// `[!a-z]`, `{this,that}`, and a backslash in front of what stands for itself.
Result<std::shared_ptr<const re2::RE2>> compile_glob(std::string_view glob);

bool matches(const re2::RE2& pattern, std::string_view text);

// A pattern that is a parameter: compiled once when it is a literal, else once per record.
class PatternParameter {
 public:
  static Result<PatternParameter> create(GetterPtr getter);
  Result<std::shared_ptr<const re2::RE2>> get(Evaluation& at) const;

 private:
  GetterPtr getter_;  // null for a literal
  std::shared_ptr<const re2::RE2> literal_;
};

// `$1`, `$name`, `${name}` stand for groups of the match, `$$` for a dollar sign; of groups that do
// not exist nothing is left. groups[0] is the whole match. Go's regexp.Expand; what has more than
// `enough` bytes is not finished.
std::string expand(const re2::RE2& pattern, std::string_view replacement,
                   std::span<const re2::StringPiece> groups, std::size_t enough);

// What a match is replaced by.
using Replacer = std::function<Result<std::string>(std::span<const re2::StringPiece> groups)>;

// Replaces each match, from left to right, as Go's regexp.ReplaceAll; a match of nothing right
// behind another match is none.
Result<std::string> replace_matches(const re2::RE2& pattern, std::string_view text,
                                    const Replacer& replacer);

}  // namespace kernspan::ottl
