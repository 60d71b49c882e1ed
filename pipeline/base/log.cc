#include "pipeline/base/log.h"

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <memory>

#include "pipeline/base/clock.h"
#include "pipeline/base/log_sampler.h"

namespace kernspan {
namespace {

constexpr const char* kConsolePattern = "%Y-%m-%dT%H:%M:%S.%e%z\t%v";
constexpr const char* kJsonPattern = "{%v,\"ts\":\"%Y-%m-%dT%H:%M:%S.%e%z\"}";

// Written by configure_log() only.
struct Output {
  bool json = false;
  std::unique_ptr<LogSampler> sampler;  // null: every line is written
};
Output& output_settings() {
  static Output* const instance = new Output;
  return *instance;
}

// One logger per process, made on first use and never destroyed: threads may log until the very
// end.
spdlog::logger& logger() {
  static spdlog::logger* const instance = [] {
    auto* made = new spdlog::logger("", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern(kConsolePattern);
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

spdlog::sink_ptr make_sink(const std::string& path) {
  if (path == "stderr") return std::make_shared<spdlog::sinks::stderr_sink_mt>();
  if (path == "stdout") return std::make_shared<spdlog::sinks::stdout_sink_mt>();
  return std::make_shared<spdlog::sinks::basic_file_sink_mt>(path);
}

std::string json_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
  return out;
}

}  // namespace

Status configure_log(const LogOutput& output) {
  std::vector<spdlog::sink_ptr> sinks;
  for (const std::string& path : output.paths) {
    try {
      sinks.push_back(make_sink(path));
    } catch (const spdlog::spdlog_ex& error) {
      return permanent(fmt::format("the log cannot be written to {}: {}", path, error.what()));
    }
  }
  Output& settings = output_settings();
  settings.json = output.json;
  settings.sampler.reset();
  if (output.sampled) {
    settings.sampler =
        std::make_unique<LogSampler>(output.initial, output.thereafter, output.interval);
  }
  logger().sinks() = std::move(sinks);
  logger().set_pattern(output.json ? kJsonPattern : kConsolePattern);
  return {};
}

std::uint64_t log_lines_held_back() {
  const Output& settings = output_settings();
  return settings.sampler == nullptr ? 0 : settings.sampler->held_back();
}

void set_log_level(LogLevel level) {
  logger().set_level(to_spdlog(level));
}

bool log_enabled(LogLevel level) {
  return logger().should_log(to_spdlog(level));
}

void write_log(LogLevel level, std::string_view message) {
  const Output& settings = output_settings();
  if (settings.sampler != nullptr && log_enabled(level) &&
      !settings.sampler->admit(message, static_cast<std::int64_t>(SystemClock{}.monotonic_ns()))) {
    return;
  }
  if (settings.json) {
    logger().log(to_spdlog(level), R"("level":"{}","msg":"{}")", name_of(level),
                 json_escaped(message));
  } else {
    logger().log(to_spdlog(level), "{}\t{}", name_of(level), message);
  }
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
