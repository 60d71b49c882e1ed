#include "tools/kernspan/send_test_trace/send_test_trace.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/base/duration.h"
#include "pipeline/component/factory.h"
#include "pipeline/service/pipeline_components.h"
#include "tools/kernspan/peer/peer_options.h"
#include "tools/kernspan/send_test_trace/load.h"

namespace kernspan::tools {
namespace {

// More than anybody tests with by hand; a test load ends.
constexpr std::uint32_t kMaxWorkers = 256;
constexpr std::uint32_t kMaxChildSpans = 1'000;

struct SendOptions {
  PeerOptions peer{.endpoint = "localhost:4317"};
  LoadSettings load;
  std::string span_duration = "123us";
  std::string duration;
  std::string status = "unset";
  std::vector<std::string> resource_attributes;
  std::vector<std::string> span_attributes;
};

volatile std::sig_atomic_t interrupted = 0;

bool was_interrupted() {
  return interrupted != 0;
}

// The exporter that sends, and what it stands on.
class Sender {
 public:
  static Result<std::unique_ptr<Sender>> open(const PeerOptions& peer) {
    std::unique_ptr<Sender> sender(new Sender);
    const Registry registry = pipeline_components();
    const char* type = peer.http ? "otlp_http" : "otlp_grpc";
    const ExporterFactory* factory = find_factory(registry.exporters, type);
    if (factory == nullptr) return permanent(fmt::format("there is no exporter {}", type));
    auto made = factory->create(exporter_settings(peer), sender->context());
    if (!made) return std::unexpected(made.error());
    if (Status started = (*made)->start(); !started) return std::unexpected(started.error());
    sender->exporter_ = *std::move(made);
    return sender;
  }

  Consumer& consumer() { return *exporter_; }
  void stop() { exporter_->stop(std::chrono::steady_clock::now() + std::chrono::seconds{5}); }
  // What the peer took requests with, and did not take.
  std::uint64_t rejected() const { return books_.balance().dropped_total(); }

 private:
  Sender() = default;

  ComponentContext context() {
    return {.id = "peer",
            .path = "peer",
            .pipeline = "",
            .signals = kTracesOnly,
            .extensions = extensions_,
            .metrics = metrics_,
            .ledger = ledger_,
            .books = books_,
            .clock = clock_,
            .warnings = warnings_};
  }

  Extensions extensions_;
  Metrics metrics_;
  Ledger ledger_;
  StageBooks& books_ = ledger_.add_stage("peer");
  SystemClock clock_;
  ConfigWarnings warnings_;
  std::unique_ptr<Exporter> exporter_;
};

std::chrono::nanoseconds read_duration(const std::string& text, const char* option) {
  const auto duration = parse_duration(text);
  if (!duration || duration->count() < 0) {
    throw CLI::ValidationError(option, "expected a duration such as 100ms");
  }
  return *duration;
}

// Puts what was given as text where it belongs. Throws CLI::ValidationError.
void complete(SendOptions& options) {
  LoadSettings& load = options.load;
  load.shape.span_duration = read_duration(options.span_duration, "--span-duration");
  if (!options.duration.empty()) load.duration = read_duration(options.duration, "--duration");
  const std::string& status = options.status;
  load.shape.status = status == "error" ? otlp::StatusCode::kError
                      : status == "ok"  ? otlp::StatusCode::kOk
                                        : otlp::StatusCode::kUnset;
  if (const char* environment = std::getenv("OTEL_RESOURCE_ATTRIBUTES")) {
    load.shape.resource_attributes = parse_resource_attributes(environment);
  }
  for (auto& [key, value] : read_pairs(options.resource_attributes, "--resource-attribute")) {
    load.shape.resource_attributes[key] = value;
  }
  load.shape.span_attributes = read_pairs(options.span_attributes, "--span-attribute");
  load.seed = (std::uint64_t{std::random_device{}()} << 32) | std::random_device{}();
  if (options.peer.endpoint.starts_with("http") && options.peer.endpoint.ends_with(":4318")) {
    options.peer.http = true;
  }
}

int send(SendOptions& options) {
  if (const Status read = add_token_of_file(options.peer); !read) {
    fmt::print(stderr, "{}\n", read.error().message);
    return 1;
  }
  Result<std::unique_ptr<Sender>> sender = Sender::open(options.peer);
  if (!sender) {
    fmt::print(stderr, "{}\n", sender.error().message);
    return 1;
  }
  for (const int signal : {SIGINT, SIGTERM}) {
    std::signal(signal, [](int) { interrupted = 1; });
  }
  const LoadResult result = run_load(options.load, (*sender)->consumer(), was_interrupted);
  (*sender)->stop();
  const std::uint64_t rejected = (*sender)->rejected();
  fmt::print("{}: {} traces, {} spans taken", options.peer.endpoint, result.traces,
             result.spans - std::min(result.spans, rejected));
  if (rejected != 0) fmt::print(", {} rejected", rejected);
  if (result.failed_spans != 0) fmt::print(", {} failed", result.failed_spans);
  fmt::print("; the first trace is {}\n", result.first_trace_id);
  if (!result.first_error.empty()) fmt::print(stderr, "{}\n", result.first_error);
  return result.failed_spans == 0 && rejected == 0 && result.spans != 0 ? 0 : 1;
}

void declare_load_options(CLI::App& app, SendOptions& options) {
  LoadSettings& load = options.load;
  app.add_option("--traces", load.traces, "Traces per worker")->capture_default_str();
  app.add_option("--workers", load.workers, "Side by side")
      ->check(CLI::Range(1U, kMaxWorkers))
      ->capture_default_str();
  app.add_option("--duration", options.duration, "Send for so long instead of --traces");
  app.add_option("--rate", load.traces_per_second, "Traces per second and worker; 0: no limit")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  app.add_option("--service", load.shape.service, "service.name")->capture_default_str();
  app.add_option("--span-duration", options.span_duration, "Of each child span")
      ->capture_default_str();
  app.add_option("--child-spans", load.shape.child_spans, "Per trace, below its root")
      ->check(CLI::Range(0U, kMaxChildSpans))
      ->capture_default_str();
  app.add_option("--status-code", options.status, "Of every span")
      ->transform(CLI::IsMember({"unset", "ok", "error"}, CLI::ignore_case))
      ->capture_default_str();
  app.add_option("--resource-attribute,--otlp-attributes", options.resource_attributes,
                 "key=value; repeatable. OTEL_RESOURCE_ATTRIBUTES counts as well");
  app.add_option("--span-attribute,--telemetry-attributes", options.span_attributes,
                 "key=value; repeatable");
}

}  // namespace

std::function<int()> declare_send_test_trace(CLI::App& app) {
  auto options = std::make_shared<SendOptions>();
  app.add_option("ENDPOINT,--endpoint,--otlp-endpoint", options->peer.endpoint,
                 "host:port, or a URL for OTLP/HTTP")
      ->capture_default_str();
  declare_peer_options(app, options->peer);
  declare_load_options(app, *options);
  app.footer("Exit code: 0 every span was taken, 1 some were not.");
  return [options] {
    try {
      complete(*options);
      return send(*options);
    } catch (const CLI::ValidationError& error) {
      fmt::print(stderr, "{}\n", error.what());
      return 1;
    }
  };
}

}  // namespace kernspan::tools
