// The W3C tracestate of a span, opened at OpenTelemetry's member:
//
//   ot=rv:6e6d1a75832a2f;th:8;other:x,vendor=value
//
// Specs: w3.org/TR/trace-context-2 section 3.3;
// opentelemetry.io/docs/specs/otel/trace/tracestate-handling
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/processors/probabilistic_sampler/threshold.h"

namespace kernspan {

// Borrows the text it was parsed from.
class TraceState {
 public:
  // The error says what is wrong, and is a literal.
  static std::expected<TraceState, const char*> parse(std::string_view text);

  const std::optional<Randomness>& randomness() const { return randomness_; }
  const std::optional<Threshold>& threshold() const { return threshold_; }

  void set_randomness(Randomness randomness);
  void clear_threshold();
  // A threshold that is there is never lowered: probability falls and does not rise. Then this
  // changes nothing and answers false.
  bool raise_threshold(Threshold threshold);

  // OpenTelemetry's member first, whatever place it had.
  std::string to_string() const;

 private:
  const char* parse_member(std::string_view key, std::string_view value);  // null: fine
  const char* parse_otel(std::string_view value);

  std::optional<Randomness> randomness_;
  std::string randomness_digits_;  // as they came
  std::optional<Threshold> threshold_;
  std::string threshold_digits_;
  std::vector<std::string_view> otel_rest_;  // "key:value"
  std::vector<std::string_view> rest_;       // "key=value"
};

}  // namespace kernspan
