#include "tools/kernspan/traces/trace_feed.h"

#include <fmt/format.h>

#include "pipeline/otlp/json_reader.h"

namespace kernspan::tools {

void TraceFeed::feed(std::string_view bytes, std::uint64_t now_ns) {
  lines_.feed(bytes, [&](std::string_view line) { take_line(line, now_ns, false); });
}

void TraceFeed::finish(std::uint64_t now_ns) {
  lines_.finish([&](std::string_view line) { take_line(line, now_ns, true); });
}

void TraceFeed::take_line(std::string_view line, std::uint64_t now_ns, bool is_last) {
  const auto spans = otlp::parse_json_spans(line, ++line_number_);
  if (!spans) {
    if (is_last) return;  // its writer has not finished it
    if (lines_invalid_++ == 0) first_problem_ = spans.error().message;
    return;
  }
  for (const otlp::SpanRecord& span : *spans) {
    if (filter_.accepts_id(span.trace_id)) store_.add(span.trace_id, to_trace_span(span), now_ns);
  }
}

std::string TraceFeed::losses() const {
  std::string text;
  if (lines_invalid_ > 0) {
    text += fmt::format("lines that could not be read: {}; the first: {}\n", lines_invalid_,
                        first_problem_);
  }
  if (lines_.lines_too_long() > 0) {
    text += fmt::format("lines left out because they are longer than {1} MiB: {0}\n",
                        lines_.lines_too_long(), LineSplitter::kLineBytesMax >> 20);
  }
  if (store_.traces_evicted() > 0) {
    text += fmt::format("older traces left out to save memory: {}; --trace finds one of them\n",
                        store_.traces_evicted());
  }
  if (store_.spans_dropped() > 0) {
    text +=
        fmt::format("spans of a huge trace left out to save memory: {}\n", store_.spans_dropped());
  }
  return text;
}

}  // namespace kernspan::tools
