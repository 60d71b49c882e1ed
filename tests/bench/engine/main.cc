// Spans per CPU-second and peak memory of the real kernspan-gateway (otlp/gRPC -> resource -> batch ->
// otlp/gRPC), between a generator and a sink in processes of their own on loopback; and of a minimal
// relay on the same work.
//
//   kernspan_engine_bench [--seconds N] [--only NAME]
//
// The CPU time is all that the process used over its life, user and system; its start counts.
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <string>

#include "tests/bench/engine/scenario.h"

namespace kernspan::bench {
namespace {

constexpr Scenario kScenarios[] = {
    {.name = "8192", .spans_per_request = 8192},
    {.name = "512", .spans_per_request = 512},
    {.name = "8192-gzip", .spans_per_request = 8192, .gzip = true},
    {.name = "8192-tls", .spans_per_request = 8192, .tls = true},
    {.name = "8192-durable", .spans_per_request = 8192, .durable = true},
};

void print(const char* who, const Scenario& scenario, const Measurement& measured) {
  fmt::print(
      "{:<14} {:<8} {:>9.0f} spans per CPU-second ({:.2f} s user, {:.2f} s system), {:>8.0f} per "
      "second, peak {:>4} MB; {}{}\n",
      scenario.name, who, measured.spans_per_cpu_second(), measured.usage.user_seconds,
      measured.usage.system_seconds, static_cast<double>(measured.arrived) / measured.seconds,
      measured.usage.peak_rss_kib / 1024,
      measured.generated == measured.arrived ? fmt::format("all {} arrived", measured.arrived)
      : scenario.durable
          ? fmt::format("accepted {}, arrived {}; the rest stays in the queue on disk",
                        measured.generated, measured.arrived)
          : fmt::format("accepted {}, ARRIVED {}", measured.generated, measured.arrived),
      measured.refused_requests == 0
          ? ""
          : fmt::format("; {} requests refused and sent again", measured.refused_requests));
  std::fflush(stdout);
}

// True when everything that was accepted arrived.
bool run_scenario(const Setting& setting, const Scenario& scenario) {
  if (const std::string reason = refusal(setting, scenario); !reason.empty()) {
    fmt::print("{:<14} skipped, kernspan-gateway refuses the configuration:\n{}\n", scenario.name,
               reason);
    return true;
  }
  const Measurement relay = measure_relay(setting, scenario);
  print("relay", scenario, relay);
  const Measurement gateway = measure_gateway(setting, scenario);
  print("gateway", scenario, gateway);
  fmt::print("{:<14} gateway / relay: {:.2f}\n", scenario.name,
             gateway.spans_per_cpu_second() / relay.spans_per_cpu_second());
  return scenario.durable || gateway.arrived >= gateway.generated;
}

int run_all(Setting setting, const std::string& only) {
  if (!make_certificates(setting.folder)) {
    fmt::print(stderr, "openssl made no certificates, see {}/openssl.log\n", setting.folder);
    return 1;
  }
  if (const std::string reason = refusal(setting, kScenarios[0]);
      reason.find("\"resource\"") != std::string::npos) {
    fmt::print("kernspan-gateway has no `resource` processor: measured without\n");
    setting.has_resource_processor = false;
  }
  bool complete = true;
  for (const Scenario& scenario : kScenarios) {
    if (only.empty() || only == scenario.name) complete &= run_scenario(setting, scenario);
  }
  return complete ? 0 : 1;
}

int run_role(const std::string& name, const PeerOptions& options) {
  if (name == "sink") return run_sink(options);
  if (name == "generator") return run_generator(options);
  if (name == "relay") return run_relay(options);
  return 2;
}

int main_of(int argc, char** argv) {
  CLI::App app{"Spans per CPU-second of kernspan-gateway"};
  Setting setting;
  std::string only;
  std::string role;
  std::string certificates;
  PeerOptions peer;
  bool keep = false;
  app.add_option("--seconds", setting.seconds, "Length of each run")->capture_default_str();
  app.add_option("--only", only, "One scenario: 8192, 512, 8192-gzip, 8192-tls, 8192-durable");
  app.add_flag("--keep", keep, "Keep the folder with the logs, and print its name");
  app.add_option("--role", role)->group("");  // of a child process, as all below
  app.add_option("--listen", peer.listen_port)->group("");
  app.add_option("--peer", peer.peer_port)->group("");
  app.add_option("--spans", peer.spans_per_request)->group("");
  app.add_option("--under-way", peer.under_way)->group("");
  app.add_flag("--gzip", peer.gzip)->group("");
  app.add_option("--certificates", certificates)->group("");
  CLI11_PARSE(app, argc, argv);
  if (!role.empty()) {
    peer.seconds = setting.seconds;
    if (!certificates.empty()) {
      peer.certificates = {certificates + "/ca.pem", certificates + "/cert.pem",
                           certificates + "/key.pem"};
    }
    return run_role(role, peer);
  }
  setting.self = std::filesystem::read_symlink("/proc/self/exe");
  setting.gateway = std::filesystem::path(setting.self).replace_filename("kernspan-gateway");
  std::string folder = std::filesystem::temp_directory_path() / "kernspan-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) return 1;
  setting.folder = folder;
  const int result = run_all(setting, only);
  if (keep) {
    fmt::print("logs are in {}\n", folder);
  } else {
    std::filesystem::remove_all(folder);
  }
  return result;
}

}  // namespace
}  // namespace kernspan::bench

int main(int argc, char** argv) {
  return kernspan::bench::main_of(argc, argv);
}
