#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace kernspan {

// Text as it may stand in HTML: names of spans are whatever somebody has sent.
std::string html_escaped(std::string_view text);

// A page with a title and links to its sisters. `body` is HTML.
std::string html_page(std::string_view title, std::string_view body);

// Cells are text, and are escaped.
std::string html_table(const std::vector<std::string>& heads,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace kernspan
