// The attributes of a trace that policies ask for. All keys of all policies are found in one walk
// over a span's bytes, which is made when the first of them is asked for: five policies on
// attributes cost one walk, and spans that no policy gets to cost none.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/otlp/attribute_view.h"
#include "pipeline/processors/tail_sampling/trace_view.h"

namespace kernspan::sampling {

// One thread. Borrows the trace from start() on.
class TraceScan {
 public:
  using Key = std::uint32_t;

  // Before the first trace. Equal keys get one number.
  Key add_key(std::string_view key);
  void want_trace_state() { wants_trace_state_ = true; }

  void start(const TraceView& trace);

  // Of the first attribute of that key; of kind kNone when there is none.
  otlp::ValueView span_value(std::size_t span, Key key) {
    return otlp::ValueView(row_of(span)[key]);
  }
  // The W3C tracestate; for those who wanted it.
  std::string_view trace_state(std::size_t span) { return row_of(span)[keys_.size()]; }

  // Resources that follow each other count once, as far as they are the same one of a request.
  std::size_t resource_count() const { return resources_.size(); }
  otlp::ValueView resource_value(std::size_t resource, Key key);

 private:
  using Row = std::string_view*;

  static constexpr std::size_t kNothing = std::numeric_limits<std::size_t>::max();
  // 1 MiB. Of a larger trace only the span that was asked for last is remembered.
  static constexpr std::size_t kMostValues = 65'536;

  Row row_of(std::size_t span);
  void find_resources();
  void read_span(std::string_view bytes, Row row) const;
  void read_attribute(std::string_view key_value, Row row) const;
  std::size_t row_size() const { return keys_.size() + 1; }

  std::vector<std::string> keys_;
  // Bit n: some key has n bytes; the last bit: or more. Most attributes fail this and are not
  // compared.
  std::uint64_t key_sizes_ = 0;
  bool wants_trace_state_ = false;

  const TraceView* trace_ = nullptr;
  bool keeps_rows_ = true;
  std::vector<std::string_view> values_;  // encoded AnyValues, a row per span; the tracestate last
  std::vector<bool> is_read_;             // by span
  std::size_t only_row_ = kNothing;       // without keeps_rows_: whose

  struct Resource {
    const otlp::SpanIndex* index = nullptr;
    std::uint32_t number = 0;
    bool is_read = false;
  };
  std::vector<Resource> resources_;
  std::vector<std::string_view> resource_values_;
};

}  // namespace kernspan::sampling
