#include "tests/bench/engine/scenario.h"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace kernspan::bench {
namespace {

// What bounds the memory: the sink shares two processors with the rest, and may be slower.
constexpr std::size_t kQueueBytes = 32 << 20;

// Enough to keep the process under test busy while answers are on their way.
std::size_t requests_under_way(const Scenario& scenario) {
  return scenario.spans_per_request > 1000 ? 4 : 16;
}

std::string tls_files(const Setting& setting) {
  return fmt::format("cert_file: {0}/cert.pem, key_file: {0}/key.pem", setting.folder);
}

std::string gateway_config(const Setting& setting, const Scenario& scenario, int listen_port,
                           int sink_port) {
  std::string config;
  if (scenario.durable) {
    config += fmt::format("extensions:\n  file_storage: {{directory: {}/queue, fsync: true}}\n",
                          setting.folder);
  }
  config += fmt::format(
      "receivers:\n  otlp:\n    protocols:\n      grpc:\n        endpoint: 127.0.0.1:{}\n"
      "        max_recv_msg_size_mib: 64\n{}",
      listen_port, scenario.tls ? fmt::format("        tls: {{{}}}\n", tls_files(setting)) : "");
  config += "processors:\n  batch: {}\n";
  if (setting.has_resource_processor) {
    config +=
        "  resource:\n    attributes:\n"
        "      - {key: k8s.cluster.name, value: bench, action: upsert}\n";
  }
  config += fmt::format(
      "exporters:\n  otlp:\n    endpoint: localhost:{}\n    compression: {}\n    tls: {{{}}}\n{}",
      sink_port, scenario.gzip ? "gzip" : "none",
      scenario.tls ? fmt::format("ca_file: {}/ca.pem", setting.folder) : "insecure: true",
      fmt::format(
          "    sending_queue: {{sizer: bytes, queue_size: {}, block_on_overflow: true{}}}\n",
          kQueueBytes, scenario.durable ? ", storage: file_storage" : ""));
  config += fmt::format(
      "service:\n{}  telemetry: {{metrics: {{level: none}}}}\n  pipelines:\n    traces:\n"
      "      receivers: [otlp]\n      processors: [{}batch]\n      exporters: [otlp]\n",
      scenario.durable ? "  extensions: [file_storage]\n" : "",
      setting.has_resource_processor ? "resource, " : "");
  return config;
}

std::string write_config(const Setting& setting, const Scenario& scenario, int listen_port,
                         int sink_port) {
  const std::string path = setting.folder + "/gateway.yaml";
  std::ofstream(path) << gateway_config(setting, scenario, listen_port, sink_port);
  if (scenario.durable) {
    std::filesystem::remove_all(setting.folder + "/queue");
    std::filesystem::create_directory(setting.folder + "/queue");
  }
  return path;
}

std::vector<std::string> role(const Setting& setting, const Scenario& scenario, const char* name,
                              int listen_port, int peer_port) {
  std::vector<std::string> command = {setting.self,
                                      "--role",
                                      name,
                                      "--listen",
                                      std::to_string(listen_port),
                                      "--peer",
                                      std::to_string(peer_port),
                                      "--spans",
                                      std::to_string(scenario.spans_per_request),
                                      "--under-way",
                                      std::to_string(requests_under_way(scenario)),
                                      "--seconds",
                                      fmt::format("{}", setting.seconds)};
  if (scenario.gzip) command.emplace_back("--gzip");
  if (scenario.tls) command.insert(command.end(), {"--certificates", setting.folder});
  return command;
}

// Feeds the process under test until the time is up, ends it, and asks both sides what they counted.
Measurement measure(const Setting& setting, const Scenario& scenario, Process& tested, int port,
                    Process& sink, bool stop_by_signal) {
  const std::string log = setting.folder + "/peers.log";
  const auto begin = std::chrono::steady_clock::now();
  Process generator(role(setting, scenario, "generator", 0, port), log);
  Measurement measurement;
  measurement.generated = std::strtoull(generator.read_line().c_str(), nullptr, 10);
  measurement.refused_requests = std::strtoull(generator.read_line().c_str(), nullptr, 10);
  generator.wait();
  if (stop_by_signal) tested.signal(SIGTERM);
  measurement.usage = tested.wait();
  measurement.seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  sink.close_input();
  measurement.arrived = std::strtoull(sink.read_line().c_str(), nullptr, 10);
  sink.wait();
  return measurement;
}

}  // namespace

std::string refusal(const Setting& setting, const Scenario& scenario) {
  const std::string log = setting.folder + "/validate.log";
  std::filesystem::remove(log);
  const std::string config = write_config(setting, scenario, 1, 1);
  if (run_command({setting.gateway, "--validate", "--config", config}, log) == 0) return "";
  std::ifstream file(log);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

Measurement measure_gateway(const Setting& setting, const Scenario& scenario) {
  const int sink_port = free_port();
  Process sink(role(setting, scenario, "sink", sink_port, 0), setting.folder + "/peers.log");
  sink.read_line();
  const int port = free_port();
  Process gateway({setting.gateway, "--config", write_config(setting, scenario, port, sink_port),
                   "--drain-timeout", "60s"},
                  setting.folder + "/gateway.log");
  return measure(setting, scenario, gateway, port, sink, true);
}

Measurement measure_relay(const Setting& setting, const Scenario& scenario) {
  const int sink_port = free_port();
  Process sink(role(setting, scenario, "sink", sink_port, 0), setting.folder + "/peers.log");
  sink.read_line();
  const int port = free_port();
  Process relay(role(setting, scenario, "relay", port, sink_port), setting.folder + "/peers.log");
  relay.read_line();
  return measure(setting, scenario, relay, port, sink, false);
}

bool make_certificates(const std::string& folder) {
  const std::string log = folder + "/openssl.log";
  const std::string openssl = "/usr/bin/openssl";
  const auto ca =
      run_command({openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt",
                   "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=bench CA",
                   "-keyout", folder + "/ca-key.pem", "-out", folder + "/ca.pem"},
                  log);
  const auto leaf = run_command({openssl,
                                 "req",
                                 "-x509",
                                 "-newkey",
                                 "ec",
                                 "-pkeyopt",
                                 "ec_paramgen_curve:prime256v1",
                                 "-nodes",
                                 "-days",
                                 "2",
                                 "-subj",
                                 "/CN=localhost",
                                 "-addext",
                                 "subjectAltName=DNS:localhost",
                                 "-addext",
                                 "basicConstraints=critical,CA:FALSE",
                                 "-CA",
                                 folder + "/ca.pem",
                                 "-CAkey",
                                 folder + "/ca-key.pem",
                                 "-keyout",
                                 folder + "/key.pem",
                                 "-out",
                                 folder + "/cert.pem"},
                                log);
  return ca == 0 && leaf == 0;
}

}  // namespace kernspan::bench
