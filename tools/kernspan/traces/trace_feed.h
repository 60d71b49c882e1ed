#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/kernspan/traces/span_lines.h"
#include "tools/kernspan/traces/trace_filter.h"
#include "tools/kernspan/traces/trace_store.h"

namespace kernspan::tools {

// From the bytes of the file to traces; counts what it could not read. One thread.
class TraceFeed {
 public:
  TraceFeed(const TraceFilter& filter, std::size_t spans_max)
      : filter_(filter), store_(spans_max) {}

  void feed(std::string_view bytes, std::uint64_t now_ns);
  // The end of the source: a last line without a line break counts, unless it is not whole yet.
  void finish(std::uint64_t now_ns);
  // The file was replaced.
  void restart() { lines_.restart(); }

  TraceStore& store() { return store_; }

  // What is missing from the picture and why, one line each; empty when nothing is.
  std::string losses() const;

 private:
  void take_line(std::string_view line, std::uint64_t now_ns, bool is_last);

  const TraceFilter& filter_;
  LineSplitter lines_;
  TraceStore store_;
  std::size_t line_number_ = 0;
  std::size_t lines_invalid_ = 0;
  std::string first_problem_;
};

}  // namespace kernspan::tools
