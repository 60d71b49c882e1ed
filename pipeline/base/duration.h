// Durations in Go's syntax (time.ParseDuration): "300ms", "1h30m", "-1.5s", "0".
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace kernspan {

// Nothing when the text is not a duration or does not fit 64 bits of nanoseconds.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// As Go prints it: "1h30m0s", "1.5s", "300ms", "0s".
std::string format_duration(std::chrono::nanoseconds duration);

}  // namespace kernspan
