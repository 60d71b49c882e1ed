// Test cases in Markdown: a heading, a `<!-- meta={...} -->` comment, an `http` block (what is on
// the wire) and a `log` block (what is expected). The form is llhttp's; the escapes are in
// tests/vectors/README.md.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace kernspan::http1 {

struct MarkdownCase {
  std::string name;   // file / heading
  std::string meta;   // the comment's braces and what is between
  std::string input;  // the block as written, without the line end before the closing fence
  std::vector<std::string> log;

  // The string value of a key of `meta`; empty if there is none.
  std::string meta_value(std::string_view key) const;
};

// All cases of the .md files under `folder`, in the order of their names.
std::vector<MarkdownCase> load_markdown_cases(const std::filesystem::path& folder);

// Line ends become CRLF, a line's last '\' joins it with the next, \r \n \t \f \xHH are replaced.
std::string unescape(std::string_view block);

}  // namespace kernspan::http1
