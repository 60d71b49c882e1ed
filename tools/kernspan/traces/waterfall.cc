#include "tools/kernspan/traces/waterfall.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <ctime>
#include <iterator>
#include <set>
#include <string_view>
#include <vector>

#include "tools/kernspan/traces/span_tree.h"

namespace kernspan::tools {
namespace {

constexpr std::size_t kTimeColumns = 10;  // "+1234.5 ms"
constexpr std::size_t kStatusColumns = 5;
constexpr std::size_t kEvidenceColumns = 11;  // "traceparent"
constexpr std::size_t kGapsColumns = 5 * 2;
constexpr std::size_t kBarColumnsMin = 8;
constexpr std::size_t kBarColumnsMax = 48;
constexpr std::size_t kLabelColumnsMin = 16;
constexpr std::size_t kIndentLevelsMax = 24;

struct Glyphs {
  std::string_view branch, last, pass, space, calls, bar, ellipsis;
};
constexpr Glyphs kUnicode{"├─ ", "└─ ", "│  ", "   ", "→ ", "█", "…"};
constexpr Glyphs kAscii{"|- ", "`- ", "|  ", "   ", "> ", "#", "~"};

constexpr std::string_view kReset = "\033[0m";
constexpr std::string_view kBold = "\033[1m";
constexpr std::string_view kDim = "\033[2m";
constexpr std::string_view kRed = "\033[31m";
constexpr std::array<std::string_view, 6> kServiceColours{"\033[36m", "\033[32m", "\033[33m",
                                                          "\033[35m", "\033[34m", "\033[96m"};

// Columns of a text: its code points. Wide and combining characters are taken for one column.
std::size_t columns_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0u) != 0x80u; }));
}

// The text in exactly `columns`: filled with spaces, or cut.
std::string fit(std::string_view text, std::size_t columns, std::string_view ellipsis) {
  const std::size_t wanted = columns_of(text);
  if (wanted <= columns) return std::string(text) + std::string(columns - wanted, ' ');
  std::size_t seen = 0;
  std::size_t end = 0;
  for (; end < text.size(); ++end) {
    if ((static_cast<unsigned char>(text[end]) & 0xc0u) != 0x80u && seen++ == columns - 1) break;
  }
  return std::string(text.substr(0, end)) + std::string(ellipsis);
}

std::string format_time(std::uint64_t ns) {
  const double value = static_cast<double>(ns);
  if (ns < 1'000'000) return fmt::format("{:.0f} us", value / 1e3);
  if (ns < 10'000'000'000) return fmt::format("{:.1f} ms", value / 1e6);
  return fmt::format("{:.2f} s", value / 1e9);
}

std::string count_of(std::size_t count, std::string_view what) {
  return fmt::format("{} {}{}", count, what, count == 1 ? "" : "s");
}

class Waterfall {
 public:
  Waterfall(const Trace& trace, const WaterfallStyle& style)
      : trace_(trace),
        style_(style),
        glyphs_(style.unicode ? kUnicode : kAscii),
        start_ns_(trace.start_ns()),
        duration_ns_(trace.duration_ns()),
        rows_(order_as_tree(trace.spans, kSpansShownMax)) {
    for (const TraceSpan& span : trace.spans) services_.insert(span.service);
    choose_columns();
  }

  std::string draw() {
    draw_title();
    for (const TreeRow& row : rows_) draw_row(row);
    if (rows_.size() < trace_.spans.size()) {
      text_ += fmt::format("{} more spans\n", trace_.spans.size() - rows_.size());
    }
    return std::move(text_);
  }

 private:
  // The label takes what its longest line needs, the bar what is left of the line.
  void choose_columns() {
    constexpr std::size_t kFixed =
        kGapsColumns + 2 * kTimeColumns + kStatusColumns + kEvidenceColumns;
    std::size_t longest = kLabelColumnsMin;
    for (const TreeRow& row : rows_) longest = std::max(longest, columns_of(label(row)));
    const std::size_t free = style_.width > kFixed ? style_.width - kFixed : 0;
    const std::size_t label_max =
        free > kBarColumnsMin + kLabelColumnsMin ? free - kBarColumnsMin : kLabelColumnsMin;
    label_columns_ = std::min(longest, label_max);
    const std::size_t left = free > label_columns_ ? free - label_columns_ : 0;
    bar_columns_ = std::clamp(left, kBarColumnsMin, kBarColumnsMax);
  }

  std::string indent(const TreeRow& row) const {
    std::string text;
    const std::size_t levels = std::min(row.is_last_at.size(), kIndentLevelsMax);
    for (std::size_t level = 0; level < levels; ++level) {
      const bool is_last = row.is_last_at[level];
      if (level + 1 == row.is_last_at.size()) {
        text += is_last ? glyphs_.last : glyphs_.branch;
      } else {
        text += is_last ? glyphs_.space : glyphs_.pass;
      }
    }
    return text;
  }

  std::string label(const TreeRow& row) const {
    const TraceSpan& span = *row.span;
    return fmt::format("{}{} {}{}", indent(row), span.service, span.is_client ? glyphs_.calls : "",
                       span.operation);
  }

  std::string bar(const TraceSpan& span) const {
    const auto columns = static_cast<double>(bar_columns_);
    const double scale = duration_ns_ == 0 ? 0 : columns / static_cast<double>(duration_ns_);
    const auto begin =
        std::min(bar_columns_ - 1,
                 static_cast<std::size_t>(static_cast<double>(span.start_ns - start_ns_) * scale));
    const auto end = std::min(
        bar_columns_,
        static_cast<std::size_t>(static_cast<double>(span.end_ns - start_ns_) * scale + 0.5));
    const std::size_t length = std::max<std::size_t>(end, begin + 1) - begin;
    std::string text(begin, ' ');
    for (std::size_t i = 0; i < length; ++i) text += glyphs_.bar;
    return text + std::string(bar_columns_ - begin - length, ' ');
  }

  std::string_view service_colour(const std::string& service) const {
    const auto index =
        static_cast<std::size_t>(std::distance(services_.begin(), services_.find(service)));
    return kServiceColours[index % kServiceColours.size()];
  }

  std::string paint(std::string_view colour, const std::string& text) const {
    if (!style_.colour) return text;
    return fmt::format("{}{}{}", colour, text, kReset);
  }

  void draw_title() {
    const std::time_t seconds = static_cast<std::time_t>(start_ns_ / 1'000'000'000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    text_ +=
        fmt::format("{}  {}, {}, {}, {:%Y-%m-%d %H:%M:%S}.{:03} UTC\n",
                    paint(kBold, "trace " + trace_.id.hex()), count_of(trace_.spans.size(), "span"),
                    count_of(services_.size(), "service"), format_time(duration_ns_), utc,
                    start_ns_ / 1'000'000 % 1000);
  }

  void draw_row(const TreeRow& row) {
    const TraceSpan& span = *row.span;
    const std::string_view colour = span.is_error ? kRed : service_colour(span.service);
    const std::string status = fit(span.status.empty() ? "-" : span.status, kStatusColumns, "");
    std::string line = paint(colour, fit(label(row), label_columns_, glyphs_.ellipsis));
    line += fmt::format("  {:>{}}", "+" + format_time(span.start_ns - start_ns_), kTimeColumns);
    line += fmt::format("  {:>{}}  ", format_time(span.end_ns - span.start_ns), kTimeColumns);
    line += paint(colour, bar(span)) + "  ";
    line += span.is_error ? paint(kRed, status) : status;
    std::string link = span.evidence;
    if (!span.parent.is_valid()) link = "root";
    if (row.is_orphan)
      link += (link.empty() ? "" : ", ") + fmt::format("parent {} is not here", span.parent.hex());
    if (!span.note.empty()) link += (link.empty() ? "" : "  ") + fmt::format("[{}]", span.note);
    line += "  " + paint(kDim, link);
    if (!style_.colour) line.erase(line.find_last_not_of(' ') + 1);
    text_ += line + "\n";
  }

  const Trace& trace_;
  const WaterfallStyle& style_;
  const Glyphs& glyphs_;
  const std::uint64_t start_ns_;
  const std::uint64_t duration_ns_;
  const std::vector<TreeRow> rows_;
  std::set<std::string> services_;
  std::size_t label_columns_ = 0;
  std::size_t bar_columns_ = 0;
  std::string text_;
};

}  // namespace

std::string draw_waterfall(const Trace& trace, const WaterfallStyle& style) {
  return Waterfall(trace, style).draw();
}

}  // namespace kernspan::tools
