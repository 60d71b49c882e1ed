#include "pipeline/extensions/health_check/health_check.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "pipeline/base/duration.h"
#include "pipeline/base/http_server.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/component/service_view.h"

namespace kernspan {
namespace {

struct HealthCheckSettings {
  std::string endpoint = "localhost:13133";
  std::string path = "/";
  std::string readiness_path = "/ready";
  std::string healthy_body;  // empty: the collector's own JSON
  std::string unhealthy_body;
};

// start() and stop() from one thread; requests from the server's threads read the atomic only.
class HealthCheck final : public Extension, public ServiceObserver {
 public:
  HealthCheck(HealthCheckSettings settings, const Clock& clock)
      : settings_(std::move(settings)), clock_(clock) {}

  void observe(const ServiceView& view) override { view_ = &view; }

  Status start() override {
    Result<std::unique_ptr<HttpServer>> server = HttpServer::listen(
        settings_.endpoint, {{settings_.path, [this] { return respond(); }},
                             {settings_.readiness_path, [this] { return respond_ready(); }}});
    if (!server) return std::unexpected(server.error());
    server_ = *std::move(server);
    return {};
  }

  void stop(std::chrono::steady_clock::time_point) override { server_.reset(); }

  void pipelines_ready() override { ready_since_ns_ = clock_.wall_ns(); }
  void pipelines_not_ready() override { ready_since_ns_ = 0; }

 private:
  HttpResponse respond() const {
    const std::uint64_t since_ns = ready_since_ns_;
    if (since_ns == 0) {
      const std::string& body = settings_.unhealthy_body;
      if (!body.empty()) return {.status = 503, .body = body};
      return {
          .status = 503,
          .content_type = "application/json",
          .body =
              R"({"status":"Server not available","upSince":"0001-01-01T00:00:00Z","uptime":""})"};
    }
    if (!settings_.healthy_body.empty()) return {.body = settings_.healthy_body};
    const auto since = static_cast<std::time_t>(since_ns / 1'000'000'000);
    const std::uint64_t now_ns = clock_.wall_ns();
    const std::chrono::nanoseconds uptime(now_ns > since_ns ? now_ns - since_ns : 0);
    return {
        .content_type = "application/json",
        .body = fmt::format(
            R"({{"status":"Server available","upSince":"{:%Y-%m-%dT%H:%M:%SZ}","uptime":"{}"}})",
            fmt::gmtime(since), format_duration(uptime))};
  }

  // Whether traffic should come here. Not running is a failure of both; a full pipeline is one of this
  // alone, because a restart would not help.
  HttpResponse respond_ready() const {
    if (ready_since_ns_ == 0) return {.status = 503, .body = "not running\n"};
    if (const Status ready = view_->readiness(); !ready) {
      return {.status = 503, .body = ready.error().message + "\n"};
    }
    return {.body = "ready\n"};
  }

  const HealthCheckSettings settings_;
  const Clock& clock_;
  const ServiceView* view_ = nullptr;             // set before start()
  std::atomic<std::uint64_t> ready_since_ns_{0};  // 0: not ready
  std::unique_ptr<HttpServer> server_;
};

Result<std::unique_ptr<Extension>> create_health_check(const ConfigNode& node,
                                                       const ComponentContext& context) {
  HealthCheckSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  reader.endpoint("endpoint", &settings.endpoint);
  reader.string("path", &settings.path);
  reader.string("readiness_path", &settings.readiness_path);
  ConfigReader& bodies = reader.section("response_body");
  bodies.string("healthy", &settings.healthy_body);
  bodies.string("unhealthy", &settings.unhealthy_body);
  reader.ignored("check_collector_pipeline", "the collector has retired it as well; remove it");
  if (!settings.path.starts_with('/')) reader.error("path", "must begin with a slash");
  if (!settings.readiness_path.starts_with('/')) {
    reader.error("readiness_path", "must begin with a slash");
  } else if (settings.readiness_path == settings.path) {
    reader.error("readiness_path", "must differ from path");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<HealthCheck>(std::move(settings), context.clock);
}

}  // namespace

ExtensionFactory health_check_extension_factory() {
  return {.type = "health_check", .create = create_health_check};
}

}  // namespace kernspan
