// Spans per CPU-second, memory per held span and the delay of decisions of the real kernspan-gateway:
//
//   otlp/gRPC -> filter -> tail_sampling (5 policies, 10 % kept) -> batch -> otlp/gRPC
//
// between a generator and a sink in processes of their own on loopback, and what each processor
// costs: the pipeline with it alone against the pipeline with none.
//
//   kernspan_gateway_bench [--seconds N] [--wait SECONDS] [--rate SPANS_PER_SECOND] [--only NAME]
//
// The wait is 3 s by default and not 30: at full speed 30 s of spans are some 20 GB. With
// `--wait 30 --rate 200000 --seconds 90` it is the real one. Until the wait has passed memory grows,
// which a gateway pays for once: a second figure is what it costs from then on.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "tests/bench/engine/grpc_peer.h"
#include "tests/bench/gateway/run.h"

namespace kernspan::bench {
namespace {

using Processors = std::vector<std::string>;

void print(const std::string& name, const Measurement& measured) {
  fmt::print(
      "{:<32} {:>9.0f} spans per CPU-second ({:.3f} us each; {:.2f} s user, {:.2f} s system), "
      "{} of {} spans passed on ({:.1f} %), peak {} MB{}\n",
      name, static_cast<double>(measured.generated) / measured.usage.cpu_seconds(),
      measured.cpu_us_per_span(), measured.usage.user_seconds, measured.usage.system_seconds,
      measured.arrived, measured.generated,
      100.0 * static_cast<double>(measured.arrived) / static_cast<double>(measured.generated),
      measured.usage.peak_rss_kib / 1024,
      measured.refused_requests == 0
          ? ""
          : fmt::format("; {} requests refused and sent again", measured.refused_requests));
  std::fflush(stdout);
}

void print_settled(const Stretch& settled) {
  if (settled.spans == 0) return;
  fmt::print(
      "{:<32} once as many were let go as came: {:.0f} spans per CPU-second ({:.3f} us each; "
      "{:.2f} s user, {:.2f} s system)\n",
      "", settled.spans / settled.cpu_seconds(), 1e6 * settled.cpu_seconds() / settled.spans,
      settled.user_seconds, settled.system_seconds);
}

void print_held(const Measurement& measured) {
  fmt::print(
      "{:<32} {:.0f} spans held, {:.0f} bytes each on the wire; accounted {:.0f} bytes each "
      "({:.2f} x), the process grew by {:.0f} bytes each ({:.2f} x)\n",
      "", measured.held_spans, measured.wire_bytes / measured.held_spans,
      measured.held_bytes / measured.held_spans, measured.held_bytes / measured.wire_bytes,
      measured.grown_bytes / measured.held_spans, measured.grown_bytes / measured.wire_bytes);
  fmt::print("{:<32} p99 of the decision delay beyond the wait: at most {:.0f} ms ({} decisions)\n",
             "", 1e3 * measured.p99_delay_seconds, measured.decisions);
  std::fflush(stdout);
}

std::string name_of(const Processors& processors) {
  return processors.empty() ? "none" : fmt::format("{}", fmt::join(processors, ", "));
}

int fail(const Processors& processors, const Measurement& measured) {
  fmt::print(stderr, "{}: the program {}\n", name_of(processors), measured.failure);
  return 1;
}

int run_all(const Setting& setting, const std::string& only) {
  Processors all = {"filter", "tail_sampling", "batch"};
  if (!refusal(setting, {"filter"}).empty()) {
    fmt::print("kernspan-gateway has no `filter` processor: measured without\n");
    all.erase(all.begin());
  }
  if (const std::string reason = refusal(setting, all); !reason.empty()) {
    fmt::print(stderr, "kernspan-gateway refuses the configuration:\n{}\n", reason);
    return 1;
  }
  const auto wanted = [&](const Processors& processors) {
    return only.empty() || only == name_of(processors);
  };
  if (wanted(all)) {
    const Measurement whole = measure(setting, all);
    if (!whole.failure.empty()) return fail(all, whole);
    print(name_of(all), whole);
    print_settled(whole.settled);
    print_held(whole);
  }
  double none_us = 0;
  for (const Processors& each :
       {Processors{}, Processors{"filter"}, Processors{"tail_sampling"}, Processors{"batch"}}) {
    if (!wanted(each) || (each == Processors{"filter"} && all.front() != "filter")) continue;
    const Measurement measured = measure(setting, each);
    if (!measured.failure.empty()) return fail(each, measured);
    print(name_of(each), measured);
    if (each.empty()) {
      none_us = measured.cpu_us_per_span();
    } else if (none_us != 0) {
      fmt::print("{:<32} {:+.3f} us per span against none\n", "",
                 measured.cpu_us_per_span() - none_us);
    }
  }
  if (const char* collector = std::getenv("KERNSPAN_UPSTREAM_COLLECTOR");
      collector != nullptr && only.empty()) {
    print("upstream collector, batch only", measure_collector(setting, collector));
  }
  return 0;
}

int main_of(int argc, char** argv) {
  CLI::App app{"Spans per CPU-second of kernspan-gateway with tail sampling"};
  Setting setting;
  std::string only;
  std::string role;
  PeerOptions peer;
  bool keep = false;
  app.add_option("--seconds", setting.load.seconds, "Length of each run")->capture_default_str();
  app.add_option("--wait", setting.load.wait_seconds, "decision_wait")->capture_default_str();
  app.add_option("--rate", setting.load.spans_per_second, "Spans per second; 0: all it takes")
      ->capture_default_str();
  app.add_option("--spans", setting.load.spans_per_request, "Spans per request")
      ->capture_default_str();
  app.add_option("--only", only, "One pipeline, by its processors: \"tail_sampling, batch\", none");
  app.add_flag("--keep", keep, "Keep the folder with the logs, and print its name");
  app.add_option("--role", role)->group("");  // of a child process, as all below
  app.add_option("--listen", peer.listen_port)->group("");
  app.add_option("--peer", peer.peer_port)->group("");
  CLI11_PARSE(app, argc, argv);
  if (role == "sink") return run_sink(peer);
  if (role == "generator") {
    return run_trace_generator({.peer_port = peer.peer_port, .load = setting.load});
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
