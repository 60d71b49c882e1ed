#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "pipeline/base/error.h"
#include "pipeline/component/config_reader.h"

namespace kernspan::stitch {

enum class SkewAction {
  kNone,     // clocks are not looked at
  kMark,     // what was found stands on the server's span
  kCorrect,  // the spans of the server's node are shifted to the client's clock
};

struct StitchSettings {
  // How long spans of a derived trace wait for the announcement of its caller.
  std::chrono::nanoseconds wait = std::chrono::seconds(5);
  // An announcement costs little and may wait longer: a node that was cut off sends late.
  std::chrono::nanoseconds announcement_wait = std::chrono::seconds(30);
  std::size_t max_waiting_traces = 100'000;
  std::uint64_t max_waiting_bytes = 256ULL << 20;
  std::size_t max_announcements = 300'000;
  // Traces whose fate late spans follow.
  std::size_t max_remembered_traces = 300'000;
  // For a next tier that stitches too: announcements stay on the spans that go on.
  bool keep_announcements = false;
  SkewAction skew_action = SkewAction::kMark;
  struct Deduplicate {
    bool enabled = false;
    std::chrono::nanoseconds window = std::chrono::seconds(30);
    std::size_t max_spans = 500'000;
  } deduplicate = {};
};

// Problems go to the reader.
void read_stitch_settings(ConfigReader& reader, StitchSettings* settings);

}  // namespace kernspan::stitch
