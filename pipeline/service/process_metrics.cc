#include "pipeline/service/process_metrics.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fstream>
#include <optional>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Nothing where /proc is not mounted.
std::optional<double> resident_bytes() {
  std::ifstream statm("/proc/self/statm");
  std::uint64_t total_pages = 0;
  std::uint64_t resident_pages = 0;
  if (!(statm >> total_pages >> resident_pages)) return std::nullopt;
  return static_cast<double>(resident_pages) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

}  // namespace

Metrics::Registration add_process_metrics(Metrics& metrics, const Clock& clock) {
  const std::uint64_t start_ns = clock.monotonic_ns();
  return metrics.add_collector([&clock, start_ns](std::vector<MetricFamily>& families) {
    const auto uptime = static_cast<double>(clock.monotonic_ns() - start_ns) / 1e9;
    families.push_back({.name = "otelcol_process_uptime",
                        .help = "Seconds since the process started.",
                        .type = MetricType::kCounter,
                        .samples = {{{}, uptime}}});
    families.push_back({.name = "otelcol_process_cpu_seconds",
                        .help = "CPU time of the process, user and system, in seconds.",
                        .type = MetricType::kCounter,
                        .samples = {{{}, cpu_seconds()}}});
    families.push_back({.name = "kernspan_log_held_back_lines",
                        .help = "Lines that the sampling of the log has held back.",
                        .type = MetricType::kCounter,
                        .samples = {{{}, static_cast<double>(log_lines_held_back())}}});
    if (const std::optional<double> bytes = resident_bytes()) {
      families.push_back({.name = "otelcol_process_memory_rss",
                          .help = "Resident memory of the process in bytes.",
                          .type = MetricType::kGauge,
                          .samples = {{{}, *bytes}}});
    }
  });
}

}  // namespace kernspan
