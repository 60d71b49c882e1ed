// The signals that pipelines carry. A batch has one; what its items are follows from it.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace kernspan::otlp {

enum class Signal : std::uint8_t { kTraces, kMetrics };

inline constexpr std::initializer_list<Signal> kAllSignals = {Signal::kTraces, Signal::kMetrics};

// As in the id of a pipeline.
constexpr std::string_view name_of(Signal signal) {
  return signal == Signal::kTraces ? "traces" : "metrics";
}

// What counters count: the last part of names such as otelcol_receiver_accepted_spans.
constexpr std::string_view items_of(Signal signal) {
  return signal == Signal::kTraces ? "spans" : "metric_points";
}

// A set of signals.
class Signals {
 public:
  constexpr Signals() = default;
  constexpr Signals(std::initializer_list<Signal> signals) {
    for (const Signal signal : signals) add(signal);
  }

  constexpr void add(Signal signal) { bits_ |= bit(signal); }
  constexpr bool contains(Signal signal) const { return (bits_ & bit(signal)) != 0; }
  constexpr bool empty() const { return bits_ == 0; }
  constexpr bool operator==(const Signals&) const = default;

 private:
  static constexpr std::uint8_t bit(Signal signal) {
    return static_cast<std::uint8_t>(1U << static_cast<unsigned>(signal));
  }

  std::uint8_t bits_ = 0;
};

}  // namespace kernspan::otlp
