#include "tests/bench/gateway/run.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string_view>
#include <thread>

#include "tests/unit/pipeline/http_get.h"

namespace kernspan::bench {
namespace {

using Clock = std::chrono::steady_clock;

constexpr char kProcessors[] = R"(processors:
  batch: {}
)";
constexpr char kFilter[] = R"(  filter:
    error_mode: ignore
    traces:
      span:
        - 'attributes["http.route"] == "/health"'
        - 'attributes["http.route"] == "/ready"'
        - 'attributes["http.route"] == "/metrics"'
)";
// Together one in ten traces.
constexpr char kTailSampling[] = R"(  tail_sampling:
    decision_wait: {}ms
    num_traces: 100000000
    decision_cache: {{sampled_cache_size: 20000, non_sampled_cache_size: 100000}}
    policies:
      - {{name: errors, type: status_code, status_code: {{status_codes: [ERROR]}}}}
      - {{name: slow, type: latency, latency: {{threshold_ms: 1000}}}}
      - {{name: unavailable, type: numeric_attribute, numeric_attribute: {{key: http.response.status_code, min_value: 500, max_value: 599}}}}
      - {{name: watched, type: string_attribute, string_attribute: {{key: enduser.id, values: [u-1, u-2]}}}}
      - {{name: some, type: probabilistic, probabilistic: {{sampling_percentage: 5.3}}}}
)";

// Its child that has not been waited for stays as a zombie.
bool is_alive(const Process& process) {
  std::ifstream file(fmt::format("/proc/{}/stat", process.pid()));
  std::string stat;
  std::getline(file, stat);
  const std::size_t state = stat.rfind(") ");
  return state != std::string::npos && stat[state + 2] != 'Z';
}

bool has(const std::vector<std::string>& processors, std::string_view name) {
  return std::ranges::find(processors, name) != processors.end();
}

std::string write_config(const Setting& setting, const std::vector<std::string>& processors,
                         int listen_port, int sink_port, int metrics_port) {
  std::string config = fmt::format(
      "receivers:\n  otlp:\n    protocols:\n      grpc:\n        endpoint: 127.0.0.1:{}\n"
      "        max_recv_msg_size_mib: 64\n",
      listen_port);
  config += kProcessors;
  if (has(processors, "filter")) config += kFilter;
  if (has(processors, "tail_sampling")) {
    config += fmt::format(kTailSampling, static_cast<int>(1000 * setting.load.wait_seconds));
  }
  config += fmt::format(
      "exporters:\n  otlp:\n    endpoint: localhost:{}\n    compression: none\n"
      "    tls: {{insecure: true}}\n"
      "    sending_queue: {{sizer: bytes, queue_size: 33554432, block_on_overflow: true}}\n"
      "service:\n  telemetry:\n    metrics:\n      readers:\n        - pull:\n"
      "            exporter:\n              prometheus: {{host: 127.0.0.1, port: {}}}\n"
      "  pipelines:\n    traces:\n      receivers: [otlp]\n      processors: [{}]\n"
      "      exporters: [otlp]\n",
      sink_port, metrics_port, fmt::join(processors, ", "));
  const std::string path = setting.folder + "/gateway.yaml";
  std::ofstream(path) << config;
  return path;
}

std::vector<std::string> role(const Setting& setting, const char* name, int listen_port,
                              int peer_port) {
  return {setting.self,
          "--role",
          name,
          "--listen",
          std::to_string(listen_port),
          "--peer",
          std::to_string(peer_port),
          "--spans",
          std::to_string(setting.load.spans_per_request),
          "--rate",
          fmt::format("{}", setting.load.spans_per_second),
          "--seconds",
          fmt::format("{}", setting.load.seconds)};
}

// The sum of a metric's samples, and where it has buckets their counts by bound.
struct Scraped {
  double sum = 0;
  std::map<double, double> buckets;
};

Scraped scraped(const std::string& text, const std::string& name) {
  Scraped result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.empty() || line[0] == '#') continue;
    const double value = std::strtod(line.c_str() + line.rfind(' '), nullptr);
    if (line.starts_with(name + "{") || line.starts_with(name + " ")) result.sum += value;
    if (!line.starts_with(name + "_bucket{")) continue;
    const std::size_t bound = line.find("le=\"");
    if (bound == std::string::npos) continue;
    result.buckets[std::strtod(line.c_str() + bound + 4, nullptr)] += value;
  }
  return result;
}

double resident_bytes(pid_t pid) {
  std::ifstream file(fmt::format("/proc/{}/statm", pid));
  double size = 0;
  double resident = 0;
  file >> size >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

std::string metrics_at(int port) {
  return http_get(static_cast<std::uint16_t>(port), "/metrics");
}

// What the process has used, and taken in, so far.
Stretch used_by(pid_t pid, const std::string& metrics) {
  std::ifstream file(fmt::format("/proc/{}/stat", pid));
  std::string stat;
  std::getline(file, stat);
  std::istringstream fields(stat.substr(stat.rfind(") ") + 2));  // from the third, proc_pid_stat(5)
  std::string passed_over;
  for (int field = 3; field < 14; ++field) fields >> passed_over;
  double user_ticks = 0;
  double system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  const auto ticks = static_cast<double>(::sysconf(_SC_CLK_TCK));
  return {.spans = scraped(metrics, "otelcol_receiver_accepted_spans").sum,
          .user_seconds = user_ticks / ticks,
          .system_seconds = system_ticks / ticks};
}

// False when it has ended, or does not answer for half a minute.
bool wait_until_it_listens(const Process& tested, int port) {
  for (int i = 0; i < 600 && is_alive(tested); ++i) {
    if (metrics_at(port).find("200 OK") != std::string::npos) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

std::string log_of(const Setting& setting) {
  std::ifstream log(setting.folder + "/gateway.log");
  std::ostringstream text;
  text << log.rdbuf();
  return text.str();
}

void look(Measurement& measurement, const Process& tested, const std::string& text,
          double idle_bytes) {
  measurement.grown_bytes = resident_bytes(tested.pid()) - idle_bytes;
  const std::string prefix = "kernspan_processor_tail_sampling_";
  measurement.held_spans = scraped(text, prefix + "held_spans").sum;
  measurement.held_bytes = scraped(text, prefix + "held_bytes").sum;
  const Scraped delays = scraped(text, prefix + "decision_delay_seconds");
  if (delays.buckets.empty()) return;
  measurement.decisions = delays.buckets.rbegin()->second;
  for (const auto& [bound, count] : delays.buckets) {
    if (count < 0.99 * measurement.decisions) continue;
    measurement.p99_delay_seconds = bound;
    break;
  }
}

Measurement run(const Setting& setting, const std::vector<std::string>& command, int port,
                int metrics_port, Process& sink) {
  Measurement measurement;
  const auto begin = Clock::now();
  Process tested(command, setting.folder + "/gateway.log");
  if (!wait_until_it_listens(tested, metrics_port)) {
    measurement.failure = "does not start: " + log_of(setting);
    return measurement;
  }
  const double idle_bytes = resident_bytes(tested.pid());
  Process generator(role(setting, "generator", 0, port), setting.folder + "/peers.log");
  const auto begin_of_load = Clock::now();
  const auto wait_for_second = [&](double second) {
    std::this_thread::sleep_until(begin_of_load + std::chrono::duration_cast<Clock::duration>(
                                                      std::chrono::duration<double>(second)));
    return metrics_at(metrics_port);
  };
  const double look_at = 0.95 * setting.load.seconds;
  const double settled_at = 1.25 * setting.load.wait_seconds + 1;
  const bool settles = settled_at + 1 <= look_at;
  const Stretch before = settles ? used_by(tested.pid(), wait_for_second(settled_at)) : Stretch{};
  const std::string metrics = wait_for_second(look_at);
  look(measurement, tested, metrics, idle_bytes);
  if (settles) {
    const Stretch after = used_by(tested.pid(), metrics);
    measurement.settled = {.spans = after.spans - before.spans,
                           .user_seconds = after.user_seconds - before.user_seconds,
                           .system_seconds = after.system_seconds - before.system_seconds};
  }
  measurement.generated = std::strtoull(generator.read_line().c_str(), nullptr, 10);
  measurement.refused_requests = std::strtoull(generator.read_line().c_str(), nullptr, 10);
  const double request_bytes = std::strtod(generator.read_line().c_str(), nullptr);
  measurement.wire_bytes =
      measurement.held_spans * request_bytes / static_cast<double>(setting.load.spans_per_request);
  generator.wait();
  measurement.seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (!is_alive(tested) || measurement.generated == 0) {
    measurement.failure = "has ended, or took nothing: " + log_of(setting);
    return measurement;
  }
  tested.signal(SIGTERM);
  measurement.usage = tested.wait();
  if (measurement.usage.exit_code != 0) {
    measurement.failure =
        fmt::format("has ended with {}: {}", measurement.usage.exit_code, log_of(setting));
    return measurement;
  }
  sink.close_input();
  measurement.arrived = std::strtoull(sink.read_line().c_str(), nullptr, 10);
  sink.wait();
  return measurement;
}

}  // namespace

std::string refusal(const Setting& setting, const std::vector<std::string>& processors) {
  const std::string log = setting.folder + "/validate.log";
  std::filesystem::remove(log);
  const std::string config = write_config(setting, processors, 1, 1, 1);
  if (run_command({setting.gateway, "--validate", "--config", config}, log) == 0) return "";
  std::ifstream file(log);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Measurement measure(const Setting& setting, const std::vector<std::string>& processors) {
  const int sink_port = free_port();
  Process sink(role(setting, "sink", sink_port, 0), setting.folder + "/peers.log");
  sink.read_line();
  const int port = free_port();
  const int metrics_port = free_port();
  return run(
      setting,
      {setting.gateway, "--config",
       write_config(setting, processors, port, sink_port, metrics_port), "--drain-timeout", "60s"},
      port, metrics_port, sink);
}

Measurement measure_collector(const Setting& setting, const std::string& program) {
  const int sink_port = free_port();
  Process sink(role(setting, "sink", sink_port, 0), setting.folder + "/peers.log");
  sink.read_line();
  const int port = free_port();
  const int metrics_port = free_port();
  return run(setting,
             {program, "--config", write_config(setting, {"batch"}, port, sink_port, metrics_port)},
             port, metrics_port, sink);
}

}  // namespace kernspan::bench
