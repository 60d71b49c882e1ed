// Paths as templates of low cardinality: "/users/7" is "/users/{id}".
//
//   configured   "/users/{id}", "/static/*": segment by segment; {name} is one segment, a last * the
//                rest. The first one that fits counts. What the operator says of the routes.
//   automatic    segments that look like values (numbers, UUIDs, hashes, dates, tokens) become
//                placeholders. A guess, and bounded for each service (template_bounds.h).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan {

// What stands for every path of which nothing better can be said.
inline constexpr std::string_view kAnyPath = "/*";

class PathTemplates {
 public:
  static constexpr std::size_t kTemplatesMax = 1000;
  static constexpr std::size_t kSegmentsMax = 32;

  // In the order in which they are tried. The error says which one is wrong, and why.
  static Result<PathTemplates> create(const std::vector<std::string>& texts);

  // The first template that fits; empty: none does. Valid as long as this object.
  std::string_view find(std::string_view path) const;
  bool empty() const { return templates_.empty(); }

 private:
  struct Template {
    std::string text;
    std::vector<std::string> segments;  // empty: a placeholder
    bool is_open = false;               // ends with *
  };

  static Result<Template> parse(const std::string& text);
  static bool fits(const Template& candidate, std::string_view path);

  std::vector<Template> templates_;
};

// What the path's segments look like, at most kTemplateBytesMax; empty if it is not a path. Fills
// `out`.
inline constexpr std::size_t kTemplateBytesMax = 128;
std::string_view guess_template(std::string_view path, std::string& out);

}  // namespace kernspan
