#include "tools/kernspan/traces/terminal.h"

#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace kernspan::tools {
namespace {

constexpr std::size_t kWidthMin = 40;
constexpr std::size_t kWidthMax = 400;
constexpr std::size_t kWidthDefault = 100;

std::string_view variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::string_view() : value;
}

std::size_t width() {
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) return size.ws_col;
  const std::string_view columns = variable("COLUMNS");
  std::size_t number = 0;
  const auto [end, error] =
      std::from_chars(columns.data(), columns.data() + columns.size(), number);
  return error == std::errc() && number > 0 ? number : kWidthDefault;
}

bool locale_is_utf8() {
  // The first of these that is set decides: locale(7).
  for (const char* name : {"LC_ALL", "LC_CTYPE", "LANG"}) {
    const std::string_view locale = variable(name);
    if (locale.empty()) continue;
    const std::size_t dot = locale.rfind('.');
    if (dot == std::string_view::npos) return false;
    const char* charset = locale.data() + dot + 1;
    return ::strncasecmp(charset, "UTF-8", 5) == 0 || ::strncasecmp(charset, "UTF8", 4) == 0;
  }
  return false;
}

}  // namespace

WaterfallStyle standard_output_style() {
  const std::size_t columns = width();
  return {.width = columns < kWidthMin   ? kWidthMin
                   : columns > kWidthMax ? kWidthMax
                                         : columns,
          .colour = ::isatty(STDOUT_FILENO) == 1 && variable("NO_COLOR").empty() &&
                    variable("TERM") != "dumb",
          .unicode = locale_is_utf8()};
}

}  // namespace kernspan::tools
