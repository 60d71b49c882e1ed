#include "pipeline/base/log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "pipeline/base/clock.h"

namespace kernspan {
namespace {

// One logger per process, made on first use and never destroyed: threads may log until the very
// end.
spdlog::logger& logger() {
  static spdlog::logger* const instance = [] {
    auto* made = new spdlog::logger("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z\t%v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *instance;
}

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

// The collector's words, which are not quite spdlog's.
std::string_view name_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return "debug";
    case LogLevel::kInfo:
      return "info";
    case LogLevel::kWarn:
      return "warn";
    case LogLevel::kError:
      return "error";
  }
  return "error";
}

}  // namespace

void set_log_level(LogLevel level) {
  logger().set_level(to_spdlog(level));
}

bool log_enabled(LogLevel level) {
  return logger().should_log(to_spdlog(level));
}

void write_log(LogLevel level, std::string_view message) {
  logger().log(to_spdlog(level), "{}\t{}", name_of(level), message);
}

std::optional<std::uint64_t> LogLimiter::admit(std::int64_t now_ns) {
  std::int64_t next_ns = next_ns_.load(std::memory_order_relaxed);
  // One thread wins the interval; the others count as held back.
  if (now_ns < next_ns || !next_ns_.compare_exchange_strong(next_ns, now_ns + interval_ns_,
                                                            std::memory_order_relaxed)) {
    held_back_.fetch_add(1, std::memory_order_relaxed);
    return std::nullopt;
  }
  return held_back_.exchange(0, std::memory_order_relaxed);
}

std::optional<std::uint64_t> LogLimiter::admit() {
  return admit(static_cast<std::int64_t>(SystemClock{}.monotonic_ns()));
}

void write_limited_log(LogLevel level, std::string_view message, std::uint64_t held_back) {
  if (!log_enabled(level)) return;
  if (held_back == 0) return write_log(level, message);
  write_log(level, fmt::format("{} ({} more like this were held back)", message, held_back));
}

}  // namespace kernspan
