#include "pipeline/exporters/prometheus/prometheus_exporter.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>

#include "pipeline/exporters/prometheus/prometheus_names.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/http_get.h"
#include "tests/unit/pipeline/otlp/reference_metrics.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using namespace otlp;
using ::testing::HasSubstr;
using ::testing::Not;

class PrometheusTest : public ::testing::Test {
 protected:
  void start(PrometheusSettings settings = {}) {
    settings.endpoint = "127.0.0.1:0";
    exporter_ = std::make_unique<PrometheusExporter>(stage_.context(), settings);
    const Status started = exporter_->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  void send(const ReferenceMetrics& request) {
    auto batch = Batch::from_wire(request.SerializeAsString(), Signal::kMetrics);
    ASSERT_TRUE(batch) << batch.error().message;
    EXPECT_TRUE(exporter_->consume(*std::move(batch)));
  }
  // One point of a sum at second `time` since second `start`.
  void send_sum(std::int64_t value, metrics_proto::AggregationTemporality temporality,
                std::uint64_t start, std::uint64_t time, bool monotonic = true) {
    ReferenceMetrics request;
    auto& point = add_sum(add_scope(request), "jobs", value, temporality, monotonic);
    point.set_start_time_unix_nano(start * 1'000'000'000);
    point.set_time_unix_nano(time * 1'000'000'000);
    send(request);
  }
  std::string page() {
    const std::string answer = http_get(exporter_->port(), "/metrics");
    EXPECT_THAT(answer, HasSubstr("200 OK"));
    const std::size_t body = answer.find("\r\n\r\n");
    return body == std::string::npos ? "" : answer.substr(body + 4);
  }
  std::uint64_t dropped(const char* reason) { return stage_.books.dropped(reason).value(); }

  FakeClock clock_;
  ComponentStage stage_{"prometheus", &clock_};
  std::unique_ptr<PrometheusExporter> exporter_;
};

constexpr char kLabels[] =
    "http_route=\"/cart\",job=\"shop\",otel_scope_name=\"meter\",otel_scope_version=\"2\"";

TEST_F(PrometheusTest, ShowsEveryKind) {
  start();
  send(reference_metrics());
  const std::string text = page();
  EXPECT_THAT(text, HasSubstr(fmt::format("# HELP bytes_sent_total Things \"done\".\n"
                                          "# TYPE bytes_sent_total counter\n"
                                          "bytes_sent_total{{{}}} 42\n",
                                          kLabels)));
  EXPECT_THAT(text, HasSubstr(fmt::format("# TYPE cpu_utilization_ratio gauge\n"
                                          "cpu_utilization_ratio{{{}}} 0.25\n",
                                          kLabels)));
  EXPECT_THAT(text,
              HasSubstr(fmt::format("# TYPE http_server_duration_seconds histogram\n"
                                    "http_server_duration_seconds_bucket{{{0},le=\"0.5\"}} 1\n"
                                    "http_server_duration_seconds_bucket{{{0},le=\"5\"}} 3\n"
                                    "http_server_duration_seconds_bucket{{{0},le=\"+Inf\"}} 6\n"
                                    "http_server_duration_seconds_sum{{{0}}} 12.5\n"
                                    "http_server_duration_seconds_count{{{0}}} 6\n",
                                    kLabels)));
  // Scale 0: 3 in (-4, -2], 1 at zero, 1 in (0.5, 1], 2 in (1, 2].
  EXPECT_THAT(text, HasSubstr(fmt::format("queue_delay_bucket{{{0},le=\"-2\"}} 3\n"
                                          "queue_delay_bucket{{{0},le=\"0\"}} 4\n"
                                          "queue_delay_bucket{{{0},le=\"1\"}} 5\n"
                                          "queue_delay_bucket{{{0},le=\"2\"}} 7\n"
                                          "queue_delay_bucket{{{0},le=\"+Inf\"}} 7\n",
                                          kLabels)));
  EXPECT_THAT(text, HasSubstr(fmt::format("gc_pause{{{0},quantile=\"0.5\"}} 0.25\n"
                                          "gc_pause_sum{{{0}}} 2\ngc_pause_count{{{0}}} 4\n",
                                          kLabels)));
  EXPECT_THAT(text, HasSubstr("target_info{job=\"shop\",service_name=\"shop\"} 1\n"));
  const StageBalance books = stage_.books.balance();
  EXPECT_EQ(books.passed_on, 5U);
  EXPECT_TRUE(books.balances());
  EXPECT_EQ(stage_.metric("kernspan_prometheus_series", {{"exporter", "prometheus"}}), 6);
}

// What Prometheus itself says of the page, in both forms.
TEST_F(PrometheusTest, PromtoolFindsNothingWrong) {
  if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "promtool is missing";
  start({.name_space = "otel", .const_labels = {{"collector", "federation"}}});
  ReferenceMetrics request = reference_metrics();
  add_attribute(*request.mutable_resource_metrics(0)
                     ->mutable_scope_metrics(0)
                     ->mutable_metrics(0)
                     ->mutable_sum()
                     ->mutable_data_points(0)
                     ->mutable_attributes(),
                "odd \"key\"\n", "a\\b\"c\n\xFF");
  send(request);
  const auto file = std::filesystem::path(::testing::TempDir()) /
                    fmt::format("kernspan-page-{}", std::random_device{}());
  std::ofstream(file) << page();
  const std::string command =
      fmt::format("promtool check metrics < {0} > {0}.log 2>&1", file.string());
  const int status = std::system(command.c_str());
  std::ifstream log(file.string() + ".log");
  const std::string said{std::istreambuf_iterator<char>(log), {}};
  // 3: readable, with remarks on style (summaries and gauges without help).
  EXPECT_THAT(WEXITSTATUS(status), ::testing::AnyOf(0, 3)) << said << page();
  EXPECT_THAT(said, Not(HasSubstr("error")));
  std::filesystem::remove(file);
  std::filesystem::remove(file.string() + ".log");
}

TEST_F(PrometheusTest, DeltasAreAddedUp) {
  start();
  send_sum(5, kDelta, 0, 10);
  send_sum(7, kDelta, 10, 20);
  EXPECT_THAT(page(), HasSubstr("} 12\n"));
  send_sum(1, kDelta, 25, 30);  // a gap: the counter has begun anew
  EXPECT_THAT(page(), HasSubstr("} 1\n"));
  ReferenceMetrics histogram;
  add_histogram(add_scope(histogram), kDelta);
  send(histogram);
  auto& point = *histogram.mutable_resource_metrics(0)
                     ->mutable_scope_metrics(0)
                     ->mutable_metrics(0)
                     ->mutable_histogram()
                     ->mutable_data_points(0);
  send(histogram);  // the same time again
  EXPECT_EQ(dropped("out_of_order"), 1U);
  point.set_start_time_unix_nano(point.time_unix_nano());
  point.set_time_unix_nano(point.time_unix_nano() + 1);
  send(histogram);
  EXPECT_THAT(page(), HasSubstr("le=\"+Inf\"} 12\n"));
  EXPECT_THAT(page(), HasSubstr("le=\"0.5\"} 2\n"));
  EXPECT_TRUE(stage_.books.balance().balances());
}

TEST_F(PrometheusTest, DropsByName) {
  start({.max_series = 3});
  send_sum(1, kDelta, 0, 10, false);
  EXPECT_EQ(dropped("unsupported_temporality"), 1U);
  send_sum(1, metrics_proto::AGGREGATION_TEMPORALITY_UNSPECIFIED, 0, 10);
  EXPECT_EQ(dropped("unsupported_temporality"), 2U);
  send_sum(1, kCumulative, 0, 10);
  send_sum(1, kCumulative, 0, 9);
  EXPECT_EQ(dropped("out_of_order"), 1U);
  ReferenceMetrics conflict;
  auto& scope = add_scope(conflict);
  add_gauge(scope);
  scope.mutable_metrics(0)->set_name("jobs_bytes_total");
  scope.mutable_metrics(0)->clear_unit();
  send(conflict);
  EXPECT_EQ(dropped("type_conflict"), 1U);
  send(reference_metrics());
  EXPECT_EQ(dropped("too_many_series"), 4U) << "target_info, jobs and one more are shown";
  const StageBalance books = stage_.books.balance();
  EXPECT_TRUE(books.balances()) << books.difference();
}

TEST_F(PrometheusTest, SeriesExpire) {
  start({.metric_expiration = 1min});
  send_sum(1, kCumulative, 0, 10);
  clock_.advance(59s);
  EXPECT_THAT(page(), HasSubstr("jobs_bytes_total"));
  clock_.advance(1s);
  EXPECT_EQ(page(), "");
}

TEST_F(PrometheusTest, SettingsShapeThePage) {
  start({.name_space = "otel",
         .const_labels = {{"collector", "federation"}},
         .send_timestamps = true,
         .resource_attributes_as_labels = true,
         .open_metrics = true,
         .add_suffixes = false});
  send_sum(3, kCumulative, 0, 10);
  const std::string text = page();
  EXPECT_THAT(text, HasSubstr("# TYPE otel_jobs counter\n"));
  EXPECT_THAT(text, HasSubstr("otel_jobs_total{collector=\"federation\",http_route=\"/cart\""));
  EXPECT_THAT(text, HasSubstr("service_name=\"shop\"} 3 10.000\n"));
  EXPECT_THAT(text, ::testing::EndsWith("# EOF\n"));
}

TEST(PrometheusNames, FollowTheSpecification) {
  const auto name = [](const char* metric, const char* unit, MetricKind kind, bool monotonic) {
    MetricView view("");
    view.name = metric;
    view.unit = unit;
    view.kind = kind;
    view.is_monotonic = monotonic;
    return metric_name(view, "", true);
  };
  EXPECT_EQ(name("http.server.duration", "s", MetricKind::kHistogram, false),
            "http_server_duration_seconds");
  EXPECT_EQ(name("requests", "{request}", MetricKind::kSum, true), "requests_total");
  EXPECT_EQ(name("disk.io.total", "By", MetricKind::kSum, true), "disk_io_bytes_total");
  EXPECT_EQ(name("speed", "m/s", MetricKind::kGauge, false), "speed_meters_per_second");
  EXPECT_EQ(name("memory_bytes", "By", MetricKind::kGauge, false), "memory_bytes");
  EXPECT_EQ(name("2xx", "1", MetricKind::kGauge, false), "_2xx_ratio");
  EXPECT_EQ(name("2xx", "", MetricKind::kSum, false), "_2xx");
  EXPECT_EQ(label_name("http.route"), "http_route");
  EXPECT_EQ(label_name("2a"), "key_2a");
  EXPECT_EQ(label_name("_a"), "key_a");
  EXPECT_EQ(label_name(""), "_");
}

TEST(PrometheusSettingsTest, RefusesByName) {
  ComponentStage stage("prometheus");
  const auto error = [&](const std::string& yaml) {
    const auto made =
        prometheus_exporter_factory().create(ComponentStage::yaml(yaml), stage.context());
    return made ? "" : made.error().message;
  };
  EXPECT_EQ(error("endpoint: 0.0.0.0:8889\nnamespace: otel\nconst_labels: {a: b}"), "");
  EXPECT_THAT(error("{}"), HasSubstr("endpoint: is required"));
  EXPECT_THAT(error("endpoint: a:1\ntls: {cert_file: x}"), HasSubstr("tls: is not supported"));
  EXPECT_THAT(error("endpoint: a:1\nconst_labels: {a.b: c}"), HasSubstr("not the name of a label"));
  EXPECT_THAT(error("endpoint: a:1\ntranslation_strategy: NoTranslation"),
              HasSubstr("names that are not escaped"));
}

}  // namespace
}  // namespace kernspan
