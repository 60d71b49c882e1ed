// The daemon's own log: one line per event on stderr, in the collector's console layout (time,
// level, message), unless configure_log() has said otherwise. Any thread. Never log a value that came from the environment or from a `secret`
// setting.
#pragma once

#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan {

enum class LogLevel { kDebug, kInfo, kWarn, kError };

void set_log_level(LogLevel level);

struct LogOutput {
  bool json = false;                            // one object a line: level, ts, msg
  std::vector<std::string> paths = {"stderr"};  // stderr, stdout, names of files (appended to)
  // Of equal lines, how many an interval lets through: the first ones, then each n-th (0: none).
  bool sampled = true;
  std::uint64_t initial = 10;
  std::uint64_t thereafter = 100;
  std::chrono::nanoseconds interval = std::chrono::seconds(10);
};

// Before there are other threads. An error (a file that cannot be opened) changes nothing.
Status configure_log(const LogOutput& output);

// Lines that the sampling has held back.
std::uint64_t log_lines_held_back();

bool log_enabled(LogLevel level);
void write_log(LogLevel level, std::string_view message);

template <typename... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kDebug)) {
    write_log(LogLevel::kDebug, fmt::format(format, std::forward<Args>(args)...));
  }
}

template <typename... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kInfo)) {
    write_log(LogLevel::kInfo, fmt::format(format, std::forward<Args>(args)...));
  }
}

template <typename... Args>
void log_warn(fmt::format_string<Args...> format, Args&&... args) {
  if (log_enabled(LogLevel::kWarn)) {
    write_log(LogLevel::kWarn, fmt::format(format, std::forward<Args>(args)...));
  }
}

template <typename... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  write_log(LogLevel::kError, fmt::format(format, std::forward<Args>(args)...));
}

// Lets one line through per interval and counts the others, so that a condition that occurs a
// hundred thousand times a second costs an atomic addition each time. The line itself belongs to a
// counter.
class LogLimiter {
 public:
  explicit LogLimiter(std::chrono::nanoseconds interval) : interval_ns_(interval.count()) {}

  // How many lines were held back since the last one, if this one may be written; else nothing.
  std::optional<std::uint64_t> admit(std::int64_t now_ns);
  std::optional<std::uint64_t> admit();  // now: the system's monotonic clock

 private:
  const std::int64_t interval_ns_;
  std::atomic<std::int64_t> next_ns_{0};
  std::atomic<std::uint64_t> held_back_{0};
};

void write_limited_log(LogLevel level, std::string_view message, std::uint64_t held_back);

}  // namespace kernspan

// At most one line per ten seconds and call site; it says how many were held back.
//   KERNSPAN_LOG_LIMITED(kWarn, "exporter {}: {}", id, error.message);
#define KERNSPAN_LOG_LIMITED(level, ...)                                                   \
  do {                                                                                     \
    static ::kernspan::LogLimiter limiter_of_this_line{std::chrono::seconds{10}};          \
    if (const auto held_back_here = limiter_of_this_line.admit()) {                        \
      ::kernspan::write_limited_log(::kernspan::LogLevel::level, fmt::format(__VA_ARGS__), \
                                    *held_back_here);                                      \
    }                                                                                      \
  } while (false)
