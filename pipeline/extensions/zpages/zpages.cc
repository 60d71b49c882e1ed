#include "pipeline/extensions/zpages/zpages.h"

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <atomic>
#include <chrono>
#include <ctime>
#include <map>
#include <memory>
#include <utility>

#include "pipeline/base/duration.h"
#include "pipeline/base/http_server.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/component/service_view.h"
#include "pipeline/component/stage_names.h"
#include "pipeline/extensions/zpages/html.h"

namespace kernspan {
namespace {

constexpr const char* kHtml = "text/html; charset=utf-8";

std::string time_text(std::uint64_t unix_ns) {
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     fmt::gmtime(static_cast<std::time_t>(unix_ns / 1'000'000'000)));
}

std::string drops_text(const StageBalance& stage) {
  std::string text;
  for (const auto& [reason, count] : stage.dropped) {
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, reason);
  }
  return text.empty() ? "0" : text;
}

std::vector<std::string> row_of(const std::string& stage,
                                const std::map<std::string, StageBalance>& stages) {
  const auto found = stages.find(stage);
  if (found == stages.end()) return {stage, "", "", "", "", ""};
  const StageBalance& balance = found->second;
  return {stage,
          fmt::format("{} {}", balance.taken, balance.unit),
          fmt::format("{}", balance.passed_on),
          fmt::format("{}", balance.held),
          drops_text(balance),
          fmt::format("{}", balance.refused)};
}

// start() and stop() from one thread; pages from the server's.
class Zpages final : public Extension, public ServiceObserver {
 public:
  Zpages(std::string endpoint, const Clock& clock)
      : endpoint_(std::move(endpoint)), clock_(clock) {}

  void observe(const ServiceView& view) override { view_ = &view; }
  bool wants_samples() const override { return true; }

  Status start() override {
    started_ns_ = clock_.wall_ns();
    const auto page = [this](std::string (Zpages::*render)() const) {
      return [this, render]() -> HttpResponse {
        return {.content_type = kHtml, .body = (this->*render)()};
      };
    };
    Result<std::unique_ptr<HttpServer>> server =
        HttpServer::listen(endpoint_, {{"/", page(&Zpages::servicez)},
                                       {"/debug/servicez", page(&Zpages::servicez)},
                                       {"/debug/pipelinez", page(&Zpages::pipelinez)},
                                       {"/debug/extensionz", page(&Zpages::extensionz)},
                                       {"/debug/featurez", page(&Zpages::featurez)},
                                       {"/debug/tracez", page(&Zpages::tracez)}});
    if (!server) return std::unexpected(server.error());
    server_ = *std::move(server);
    return {};
  }
  void stop(std::chrono::steady_clock::time_point) override { server_.reset(); }

  void pipelines_ready() override { ready_ = true; }
  void pipelines_not_ready() override { ready_ = false; }

 private:
  std::string servicez() const {
    const std::uint64_t now_ns = clock_.wall_ns();
    const std::chrono::nanoseconds uptime(now_ns > started_ns_ ? now_ns - started_ns_ : 0);
    return html_page("Service",
                     html_table({"what", "value"}, {{"version", KERNSPAN_VERSION},
                                                    {"started", time_text(started_ns_)},
                                                    {"uptime", format_duration(uptime)},
                                                    {"pipelines run", ready_ ? "yes" : "no"}}));
  }

  std::string pipelinez() const {
    if (view_ == nullptr) return html_page("Pipelines", "");
    std::map<std::string, StageBalance> stages;
    for (StageBalance& stage : view_->ledger().balances()) {
      std::string name = stage.stage;
      stages.emplace(std::move(name), std::move(stage));
    }
    std::string body;
    for (const ServiceView::Pipeline& pipeline : view_->pipelines()) {
      std::vector<std::vector<std::string>> rows;
      // An id may be a connector's as well.
      const auto add = [&](const char* section, const std::vector<std::string>& ids) {
        for (const std::string& id : ids) {
          const bool is_connector = stages.contains(stage_of("connectors", id)) &&
                                    !stages.contains(stage_of(section, id));
          rows.push_back(row_of(stage_of(is_connector ? "connectors" : section, id), stages));
        }
      };
      add("receivers", pipeline.receivers);
      for (const std::string& id : pipeline.processors) {
        rows.push_back(row_of(stage_of("processors", id, pipeline.id), stages));
      }
      add("exporters", pipeline.exporters);
      body += fmt::format("<h2>{}</h2>\n", html_escaped(pipeline.id));
      body += html_table({"component", "taken", "passed on", "held", "dropped", "refused"}, rows);
    }
    return html_page("Pipelines", body);
  }

  std::string extensionz() const {
    std::vector<std::vector<std::string>> rows;
    if (view_ != nullptr) {
      for (const std::string& id : view_->extensions()) rows.push_back({id});
    }
    return html_page("Extensions", html_table({"extension"}, rows));
  }

  std::string featurez() const {
    return html_page("Features",
                     "<p>There are no feature gates: behaviour is set in the configuration.</p>\n");
  }

  static std::string span_table(const std::vector<SpanSample>& samples) {
    std::vector<std::vector<std::string>> rows;
    for (const SpanSample& sample : samples) {
      rows.push_back({time_text(sample.start_time_unix_ns), sample.service, sample.name,
                      format_duration(std::chrono::nanoseconds(
                          static_cast<std::chrono::nanoseconds::rep>(sample.duration_ns))),
                      sample.is_error ? "error: " + sample.status_message : "",
                      sample.trace_id.hex()});
    }
    return html_table({"start", "service", "span", "duration", "status", "trace id"}, rows);
  }

  std::string tracez() const {
    std::string body =
        "<p>One batch a second and pipeline is looked into; these are its first "
        "spans and errors, newest first.</p>\n";
    if (view_ != nullptr) {
      for (const ServiceView::Pipeline& pipeline : view_->pipelines()) {
        const ServiceView::Samples samples = view_->samples(pipeline.id);
        body += fmt::format("<h2>{}</h2>\n<h3>Errors</h3>\n{}<h3>Recent spans</h3>\n{}",
                            html_escaped(pipeline.id), span_table(samples.errors),
                            span_table(samples.recent));
      }
    }
    return html_page("Traces", body);
  }

  const std::string endpoint_;
  const Clock& clock_;
  const ServiceView* view_ = nullptr;
  std::uint64_t started_ns_ = 0;
  std::atomic<bool> ready_{false};
  std::unique_ptr<HttpServer> server_;
};

Result<std::unique_ptr<Extension>> create(const ConfigNode& node, const ComponentContext& context) {
  std::string endpoint = "localhost:55679";
  ConfigReader reader(node, context.warnings, context.path);
  reader.endpoint("endpoint", &endpoint);
  reader.ignored("expvar", "there are no Go variables to show; see /metrics");
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<Zpages>(std::move(endpoint), context.clock);
}

}  // namespace

ExtensionFactory zpages_extension_factory() {
  return {.type = "zpages", .create = create};
}

}  // namespace kernspan
