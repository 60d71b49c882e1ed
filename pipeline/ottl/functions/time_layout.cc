// Spec: pkg/ottl/ottlfuncs/README.md of opentelemetry-collector-contrib, "Time" and "FormatTime",
// and pkg.go.dev/time#Parse for how much of a text each directive takes.
#include "pipeline/ottl/functions/time_layout.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <utility>

#include "pipeline/ottl/functions/civil_time.h"
#include "pipeline/ottl/functions/text_case.h"
#include "pipeline/ottl/functions/time_reader.h"

namespace kernspan::ottl {
namespace {

// Directives that stand for others.
std::string_view expansion_of(char directive) {
  switch (directive) {
    case 'D':
    case 'x':
      return "%m/%d/%Y";
    case 'F':
      return "%Y-%m-%d";
    case 'T':
    case 'X':
      return "%H:%M:%S";
    case 'r':
      return "%I:%M:%S %P";
    case 'R':
      return "%H:%M";
    case 'c':
      return "%a %b %d %H:%M:%S %Y";
    default:
      return {};
  }
}

bool is_fraction(char directive) {
  return directive == 'L' || directive == 'f' || directive == 's';
}

void append_literal(std::vector<TimeLayout::Element>& elements, std::string_view text) {
  if (elements.empty() || elements.back().directive != 0) elements.emplace_back();
  elements.back().literal += text;
}

void append_directive(std::vector<TimeLayout::Element>& elements, char directive) {
  TimeLayout::Element element{.directive = directive == 'h' ? 'b' : directive};
  if (is_fraction(directive) && !elements.empty() && elements.back().directive == 0) {
    std::string& literal = elements.back().literal;
    if (literal.ends_with('.') || literal.ends_with(',')) {
      element.separator = literal.back();
      literal.pop_back();
    }
    if (literal.empty()) elements.pop_back();
  }
  elements.push_back(std::move(element));
}

Status add_elements(std::vector<TimeLayout::Element>& elements,  // NOLINT(misc-no-recursion): once
                    std::string_view format) {
  constexpr std::string_view kKnown = "YymoqbhBdegaAHIlpPMSLfszZijkw";
  while (!format.empty()) {
    const std::size_t percent = format.find('%');
    if (percent != 0) append_literal(elements, format.substr(0, percent));
    if (percent == std::string_view::npos) return {};
    if (percent + 1 == format.size()) {
      append_literal(elements, "%");
      return {};
    }
    const char directive = format[percent + 1];
    format.remove_prefix(percent + 2);
    if (directive == '%') {
      append_literal(elements, "%");
    } else if (directive == 'n') {
      append_literal(elements, "\n");
    } else if (directive == 't') {
      append_literal(elements, "\t");
    } else if (const std::string_view others = expansion_of(directive); !others.empty()) {
      if (Status added = add_elements(elements, others); !added) return added;
    } else if (kKnown.find(directive) != std::string_view::npos) {
      append_directive(elements, directive);
    } else {
      return permanent(fmt::format("invalid time format: unsupported directive: %{}", directive));
    }
  }
  return {};
}

int hour_of_12(int hour) {
  return hour % 12 == 0 ? 12 : hour % 12;
}

std::string offset_text(std::int32_t offset_s, char directive) {
  const char sign = offset_s < 0 ? '-' : '+';
  const int seconds = std::abs(offset_s);
  const int hours = seconds / 3600;
  const int minutes = seconds / 60 % 60;
  switch (directive) {
    case 'i':
      return fmt::format("{}{:02}", sign, hours);
    case 'j':
      return fmt::format("{}{:02}:{:02}", sign, hours, minutes);
    case 'k':
      return fmt::format("{}{:02}:{:02}:{:02}", sign, hours, minutes, seconds % 60);
    case 'w':
      return fmt::format("{}{:02}{:02}{:02}", sign, hours, minutes, seconds % 60);
    default:
      return fmt::format("{}{:02}{:02}", sign, hours, minutes);
  }
}

std::string clock_text(const CivilTime& civil, char directive) {
  switch (directive) {
    case 'H':
      return fmt::format("{:02}", civil.hour);
    case 'I':
      return fmt::format("{:02}", hour_of_12(civil.hour));
    case 'l':
      return fmt::format("{}", hour_of_12(civil.hour));
    case 'p':
      return civil.hour < 12 ? "AM" : "PM";
    case 'P':
      return civil.hour < 12 ? "am" : "pm";
    case 'M':
      return fmt::format("{:02}", civil.minute);
    case 'S':
      return fmt::format("{:02}", civil.second);
    case 'L':
      return fmt::format("{:03}", civil.nanosecond / 1'000'000);
    case 'f':
      return fmt::format("{:06}", civil.nanosecond / 1'000);
    default:
      return fmt::format("{:09}", civil.nanosecond);
  }
}

std::string directive_text(const Time& time, const CivilTime& civil, char directive) {
  const auto month = static_cast<std::size_t>(civil.month - 1);
  const auto weekday = static_cast<std::size_t>(civil.weekday);
  switch (directive) {
    case 'Y':
      return fmt::format("{:04}", civil.year);
    case 'y':
      return fmt::format("{:02}", civil.year % 100);
    case 'm':
      return fmt::format("{:02}", civil.month);
    case 'o':
      return fmt::format("{:2}", civil.month);
    case 'q':
      return fmt::format("{}", civil.month);
    case 'b':
      return std::string(kMonthNames[month].substr(0, 3));
    case 'B':
      return std::string(kMonthNames[month]);
    case 'd':
      return fmt::format("{:02}", civil.day);
    case 'e':
      return fmt::format("{:2}", civil.day);
    case 'g':
      return fmt::format("{}", civil.day);
    case 'a':
      return std::string(kWeekdayNames[weekday].substr(0, 3));
    case 'A':
      return std::string(kWeekdayNames[weekday]);
    case 'Z':
      return zone_abbreviation(time);
    case 'z':
    case 'i':
    case 'j':
    case 'k':
    case 'w':
      return offset_text(time.utc_offset_s, directive);
    default:
      return clock_text(civil, directive);
  }
}

}  // namespace

Result<TimeLayout> TimeLayout::create(std::string_view format) {
  if (format.empty()) return permanent("format cannot be nil");
  if (std::any_of(format.begin(), format.end(), [](char c) { return c >= '0' && c <= '9'; })) {
    return permanent("invalid time format: format string should not contain decimals");
  }
  TimeLayout layout;
  layout.text_ = format;
  if (Status added = add_elements(layout.elements_, format); !added) {
    return std::unexpected(added.error());
  }
  return layout;
}

std::string TimeLayout::format(const Time& time) const {
  const CivilTime civil = civil_time(time);
  std::string text;
  for (const Element& element : elements_) {
    if (element.separator != 0) text += element.separator;
    text +=
        element.directive == 0 ? element.literal : directive_text(time, civil, element.directive);
  }
  return text;
}

Result<Time> TimeLayout::parse(std::string_view text, std::string_view zone,
                               std::int64_t now_ns) const {
  const auto refuse = [&](std::string_view why) {
    return permanent(fmt::format("parsing time as \"{}\": {}", text_, why));
  };
  TimeReader reader(text);
  for (const Element& element : elements_) {
    const std::string_view left = reader.left();
    if (element.directive == 0) {
      if (!reader.skip(element.literal)) {
        return refuse(
            fmt::format("byte {} is not \"{}\"", text.size() - left.size(), element.literal));
      }
    } else if (!reader.read(element.directive, element.separator)) {
      return refuse(
          fmt::format("byte {} begins no \"%{}\"", text.size() - left.size(), element.directive));
    }
  }
  if (!reader.left().empty())
    return refuse(fmt::format("{} bytes of extra text", reader.left().size()));
  Result<Time> time = reader.finish(zone, now_ns);
  if (!time) return refuse(time.error().message);
  return time;
}

}  // namespace kernspan::ottl
