#include "pipeline/extensions/zpages/html.h"

#include <fmt/format.h>

namespace kernspan {
namespace {

constexpr std::string_view kStyle =
    "body{font-family:sans-serif;margin:1.5em}table{border-collapse:collapse;margin:.5em 0 1.5em}"
    "th,td{border:1px solid #bbb;padding:.25em .6em;text-align:left;vertical-align:top}"
    "th{background:#eee}nav a{margin-right:1em}";

constexpr std::string_view kLinks =
    "<nav><a href=\"/debug/servicez\">service</a><a href=\"/debug/pipelinez\">pipelines</a>"
    "<a href=\"/debug/extensionz\">extensions</a><a href=\"/debug/featurez\">features</a>"
    "<a href=\"/debug/tracez\">traces</a></nav>";

void append_row(std::string& out, std::string_view tag, const std::vector<std::string>& cells) {
  out += "<tr>";
  for (const std::string& cell : cells) {
    out += fmt::format("<{}>{}</{}>", tag, html_escaped(cell), tag);
  }
  out += "</tr>\n";
}

}  // namespace

std::string html_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;
    }
  }
  return out;
}

std::string html_page(std::string_view title, std::string_view body) {
  return fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{}</title>"
      "<style>{}</style></head>\n<body>{}<h1>{}</h1>\n{}</body></html>\n",
      html_escaped(title), kStyle, kLinks, html_escaped(title), body);
}

std::string html_table(const std::vector<std::string>& heads,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string out = "<table>\n";
  append_row(out, "th", heads);
  for (const std::vector<std::string>& row : rows) append_row(out, "td", row);
  out += "</table>\n";
  return out;
}

}  // namespace kernspan
