#include "pipeline/base/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <thread>
#include <vector>

namespace kernspan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* kAccepted = "otelcol_receiver_accepted_spans";

TEST(Metrics, OneCounterPerNameAndLabels) {
  Metrics metrics;
  Counter& grpc = metrics.counter(kAccepted, "Accepted.", {{"transport", "grpc"}});
  Counter& http = metrics.counter(kAccepted, "Accepted.", {{"transport", "http"}});
  EXPECT_NE(&grpc, &http);
  EXPECT_EQ(&grpc, &metrics.counter(kAccepted, "", {{"transport", "grpc"}}));
  grpc.add(3);
  grpc.add();
  EXPECT_EQ(metrics.value(kAccepted, {{"transport", "grpc"}}), 4);
  EXPECT_EQ(metrics.value(kAccepted, {{"transport", "http"}}), 0);
  EXPECT_EQ(metrics.value(kAccepted, {{"transport", "udp"}}), std::nullopt);
  EXPECT_EQ(metrics.value("no_such_metric"), std::nullopt);
}

TEST(Metrics, CountersKeepTheirAddressWhileOthersAreMade) {
  Metrics metrics;
  Counter& first = metrics.counter("first", "");
  for (int i = 0; i < 1000; ++i) metrics.counter("other", "", {{"i", std::to_string(i)}});
  first.add(7);
  EXPECT_EQ(metrics.value("first"), 7);
}

TEST(Metrics, IsWrittenAsPrometheusText) {
  Metrics metrics;
  metrics.counter(kAccepted, "Spans taken.", {{"receiver", "otlp"}, {"transport", "grpc"}}).add(12);
  metrics.gauge("otelcol_exporter_queue_size", "Batches waiting.", {{"exporter", "a\"\n\\"}})
      .set(2.5);
  const std::string text = metrics.text();
  EXPECT_THAT(text,
              HasSubstr("# HELP otelcol_receiver_accepted_spans Spans taken.\n"
                        "# TYPE otelcol_receiver_accepted_spans counter\n"
                        "otelcol_receiver_accepted_spans{receiver=\"otlp\",transport=\"grpc\"}"
                        " 12"));
  EXPECT_THAT(text, HasSubstr("# TYPE otelcol_exporter_queue_size gauge\n"
                              "otelcol_exporter_queue_size{exporter=\"a\\\"\\n\\\\\"} 2.5"));
}

TEST(Metrics, HistogramsCountUpToTheirBounds) {
  Metrics metrics;
  constexpr std::array<double, 2> kBounds = {10, 25};
  Histogram& sizes = metrics.histogram("batch_size", "Spans.", kBounds, {{"processor", "batch"}});
  for (const double size : {1.0, 10.0, 11.0, 26.0}) sizes.observe(size);
  EXPECT_EQ(metrics.value("batch_size", {{"processor", "batch"}}), 4);
  EXPECT_EQ(&sizes, &metrics.histogram("batch_size", "", kBounds, {{"processor", "batch"}}));
  const std::string text = metrics.text(CounterNames::kTotalSuffix);
  EXPECT_THAT(text, HasSubstr("# TYPE batch_size histogram\n"
                              "batch_size_count{processor=\"batch\"} 4\n"
                              "batch_size_sum{processor=\"batch\"} 48\n"
                              "batch_size_bucket{processor=\"batch\",le=\"10\"} 2\n"
                              "batch_size_bucket{processor=\"batch\",le=\"25\"} 3\n"
                              "batch_size_bucket{processor=\"batch\",le=\"+Inf\"} 4\n"));
}

TEST(Metrics, TheCollectorsBoundsAscend) {
  EXPECT_TRUE(std::ranges::is_sorted(item_count_bounds(), std::less_equal<>{}));
  EXPECT_TRUE(std::ranges::is_sorted(byte_count_bounds(), std::less_equal<>{}));
}

TEST(Metrics, AddsTheSuffixToCountersOnRequest) {
  Metrics metrics;
  metrics.counter("a_spans", "").add();
  metrics.counter("b_total", "").add();
  metrics.gauge("c_size", "").set(1);
  EXPECT_THAT(metrics.text(), Not(HasSubstr("a_spans_total")));
  const std::string text = metrics.text(CounterNames::kTotalSuffix);
  EXPECT_THAT(text, HasSubstr("\na_spans_total 1"));
  EXPECT_THAT(text, HasSubstr("\nb_total 1"));
  EXPECT_THAT(text, Not(HasSubstr("total_total")));
  EXPECT_THAT(text, HasSubstr("\nc_size 1"));
}

TEST(Metrics, AsksCollectorsAtEachSnapshot) {
  Metrics metrics;
  double kernel_value = 1;
  {
    const Metrics::Registration registration =
        metrics.add_collector([&kernel_value](std::vector<MetricFamily>& families) {
          families.push_back({.name = "kernel_events",
                              .help = "Events.",
                              .type = MetricType::kCounter,
                              .samples = {{{{"kind", "a"}}, kernel_value}}});
        });
    EXPECT_EQ(metrics.value("kernel_events", {{"kind", "a"}}), 1);
    kernel_value = 5;
    EXPECT_EQ(metrics.value("kernel_events", {{"kind", "a"}}), 5);
  }
  EXPECT_EQ(metrics.value("kernel_events", {{"kind", "a"}}), std::nullopt);
}

TEST(Metrics, AMovedRegistrationIsRemovedOnce) {
  Metrics metrics;
  const auto collector = [](std::vector<MetricFamily>& families) {
    families.push_back({.name = "x", .help = "", .type = MetricType::kGauge, .samples = {{{}, 1}}});
  };
  Metrics::Registration kept;
  {
    Metrics::Registration made = metrics.add_collector(collector);
    kept = std::move(made);
  }
  EXPECT_EQ(metrics.value("x"), 1);
  kept = Metrics::Registration();
  EXPECT_EQ(metrics.value("x"), std::nullopt);
}

TEST(Metrics, JoinsFamiliesOfOneName) {
  Metrics metrics;
  metrics.counter("spans", "", {{"from", "counter"}}).add(1);
  const Metrics::Registration registration =
      metrics.add_collector([](std::vector<MetricFamily>& families) {
        families.push_back({.name = "spans",
                            .help = "",
                            .type = MetricType::kCounter,
                            .samples = {{{{"from", "collector"}}, 2}}});
      });
  const std::string text = metrics.text();
  EXPECT_EQ(text.find("# TYPE spans"), text.rfind("# TYPE spans"));
  EXPECT_THAT(text, HasSubstr("spans{from=\"counter\"} 1"));
  EXPECT_THAT(text, HasSubstr("spans{from=\"collector\"} 2"));
}

TEST(Metrics, CountsFromSeveralThreads) {
  Metrics metrics;
  constexpr int kThreads = 4;
  constexpr int kTimes = 10'000;
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&metrics] {
      Counter& counter = metrics.counter("spans", "");
      for (int n = 0; n < kTimes; ++n) counter.add();
    });
  }
  for (int i = 0; i < 10; ++i) EXPECT_LE(metrics.value("spans").value_or(0), kThreads * kTimes);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(metrics.value("spans"), kThreads * kTimes);
}

}  // namespace
}  // namespace kernspan
