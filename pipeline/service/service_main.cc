#include "pipeline/service/service_main.h"

#include <fmt/format.h>
#include <malloc.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <memory>
#include <optional>
#include <string_view>

#include "pipeline/base/duration.h"
#include "pipeline/base/log.h"
#include "pipeline/service/service.h"

namespace kernspan {
namespace {

constexpr int kFailure = 1;

struct Options {
  std::vector<std::string> files;
  ConfigOptions config;
  bool validate = false;
  std::string drain_timeout = "10s";
};

void log_lines(LogLevel level, std::string_view text) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    write_log(level, text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

// SIGTERM and SIGINT, taken by the main thread alone: blocked before any other thread exists.
class StopSignal {
 public:
  StopSignal() {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    // A peer that went away is an error of the write, not the end of the process.
    std::signal(SIGPIPE, SIG_IGN);
  }

  // Returns the signal's name. From then on another one ends the process, as without us.
  const char* wait() {
    int number = 0;
    sigwait(&signals_, &number);
    pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr);
    return number == SIGTERM ? "SIGTERM" : "SIGINT";
  }

 private:
  sigset_t signals_{};
};

void report_warnings(const ConfigWarnings& warnings) {
  for (const std::string& message : warnings.messages) write_log(LogLevel::kWarn, message);
}

int validate(const Options& options, const DaemonSpec& spec) {
  ConfigWarnings warnings;
  const Result<ConfigNode> checked =
      check_config(options.files, process_environment(), spec.registry, warnings, options.config);
  report_warnings(warnings);
  if (checked) return 0;
  log_lines(LogLevel::kError, checked.error().message);
  return kFailure;
}

int run(const Options& options, const DaemonSpec& spec, std::chrono::nanoseconds drain_timeout) {
  StopSignal stop_signal;
  const SystemClock clock;
  ConfigWarnings warnings;
  const Result<std::unique_ptr<Service>> service = Service::create(
      options.files, process_environment(), spec.registry, clock, warnings, options.config);
  if (service) {
    set_log_level((*service)->telemetry().log_level);
    if (const Status configured = configure_log((*service)->telemetry().log_output); !configured) {
      log_lines(LogLevel::kError, configured.error().message);
      return kFailure;
    }
  }
  report_warnings(warnings);
  if (!service) {
    log_lines(LogLevel::kError, service.error().message);
    return kFailure;
  }
  if (const Status started = (*service)->start(); !started) {
    log_lines(LogLevel::kError, started.error().message);
    return kFailure;
  }
  log_info("{} {} is ready", spec.name, KERNSPAN_VERSION);
  if ((*service)->metrics_port() != 0) {
    log_info("metrics are at port {}, path /metrics", (*service)->metrics_port());
  }
  const char* signal_name = stop_signal.wait();
  log_info("{}: draining for at most {}", signal_name, format_duration(drain_timeout));
  (*service)->stop(std::chrono::steady_clock::now() + drain_timeout);
  fmt::print(stderr, "\n{}: what became of everything it took\n{}", spec.name,
             (*service)->ledger().summary());
  return 0;
}

void keep_idle_heap(std::size_t bytes) {
  if (bytes == 0) return;
  // Setting one of them stops the others from following the sizes that are freed.
  constexpr int kGrowthStep = 1 << 20;
  constexpr int kOwnMapping = 8 << 20;
  mallopt(M_TRIM_THRESHOLD, static_cast<int>(bytes));
  mallopt(M_TOP_PAD, kGrowthStep);
  mallopt(M_MMAP_THRESHOLD, kOwnMapping);
}

}  // namespace

int run_daemon(int argc, char** argv, const DaemonSpec& spec) {
  // Buffers are allocated by one thread and freed by another. With an arena per thread each keeps
  // what the others have freed: three times the memory. What is allocated per request is little.
  mallopt(M_ARENA_MAX, 1);
  keep_idle_heap(spec.idle_heap_bytes);
  CLI::App app{spec.description, spec.name};
  app.set_version_flag("--version", spec.name + " " KERNSPAN_VERSION);
  Options options;
  app.add_option(
         "--config", options.files,
         "Configuration: a file, env:VARIABLE or yaml:TEXT; repeat to merge several in order")
      ->type_name("SOURCE")
      ->allow_extra_args(false);
  app.add_flag("--validate", options.validate, "Check the configuration and exit");
  app.add_flag("--strict", options.config.strict,
               "Refuse what the OpenTelemetry Collector refuses, even where its meaning is clear");
  app.add_flag("--skip-unbuilt", options.config.skip_unbuilt,
               "Run without the components that this version does not have (for evaluation)");
  app.add_option("--drain-timeout", options.drain_timeout, "How long a stop may take")
      ->capture_default_str();
  std::vector<CLI::Option*> flags;
  flags.reserve(spec.flags.size());
  for (const DaemonFlag& flag : spec.flags) {
    flags.push_back(app.add_flag(flag.name, flag.description));
  }
  CLI11_PARSE(app, argc, argv);
  for (std::size_t i = 0; i < flags.size(); ++i) {
    if (flags[i]->count() > 0) return spec.flags[i].run();
  }
  const std::optional<std::chrono::nanoseconds> drain_timeout =
      parse_duration(options.drain_timeout);
  if (!drain_timeout || drain_timeout->count() < 0) {
    log_error("--drain-timeout: \"{}\" is not a duration such as 10s", options.drain_timeout);
    return kFailure;
  }
  if (options.validate) return validate(options, spec);
  return run(options, spec, *drain_timeout);
}

}  // namespace kernspan
