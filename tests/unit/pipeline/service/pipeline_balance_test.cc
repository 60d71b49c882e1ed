#include "pipeline/service/pipeline_balance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/service/own_metrics.h"

namespace kernspan {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class PipelineBalanceTest : public ::testing::Test {
 protected:
  void pipeline(const std::string& id, const std::vector<std::string>& receivers,
                const std::vector<std::string>& processors,
                const std::vector<std::string>& exporters) {
    PipelineSettings made;
    made.id = id;
    for (const auto& name : receivers) made.receivers.push_back({name, {}});
    for (const auto& name : processors) made.processors.push_back({name, {}});
    for (const auto& name : exporters) made.exporters.push_back({name, {}});
    settings_.pipelines.push_back(std::move(made));
  }
  // A component that took and passed on so much.
  StageBooks& stage(const std::string& name, std::uint64_t taken, std::uint64_t passed_on) {
    StageBooks& books = ledger_.add_stage(name);
    books.take(taken);
    books.pass_on(passed_on);
    return books;
  }
  std::uint64_t difference(std::size_t pipeline = 0) {
    return PipelineBalances(settings_, ledger_).balances().at(pipeline).difference;
  }

  ServiceSettings settings_;
  Ledger ledger_;
};

TEST_F(PipelineBalanceTest, IsZeroWhenEverythingIsAccountedFor) {
  pipeline("traces", {"otlp"}, {"batch", "filter"}, {"otlp"});
  stage("receivers/otlp", 10, 10);
  stage("processors/batch (traces)", 10, 10);
  stage("processors/filter (traces)", 10, 7).dropped("not_sampled").add(3);
  stage("exporters/otlp", 7, 5).hold(2);
  EXPECT_EQ(difference(), 0U);
}

TEST_F(PipelineBalanceTest, SeesWhatVanishesInAComponentAndBetweenTwo) {
  pipeline("traces", {"otlp"}, {"batch"}, {"otlp"});
  stage("receivers/otlp", 10, 10);
  stage("processors/batch (traces)", 9, 8);  // one is lost on the way, one within
  StageBooks& exporter = stage("exporters/otlp", 8, 8);
  EXPECT_EQ(difference(), 2U);
  exporter.take(3);  // and three are double: nothing cancels out
  exporter.pass_on(3);
  EXPECT_EQ(difference(), 5U);
}

TEST_F(PipelineBalanceTest, WhatPipelinesShareIsCheckedWithinOnly) {
  pipeline("traces/1", {"otlp"}, {}, {"a"});
  pipeline("traces/2", {"otlp"}, {}, {"a"});
  stage("receivers/otlp", 10, 10);
  StageBooks& shared = stage("exporters/a", 20, 20);
  EXPECT_EQ(difference(0), 0U);
  shared.take(1);
  EXPECT_EQ(difference(0), 1U);
  EXPECT_EQ(difference(1), 1U);
}

TEST_F(PipelineBalanceTest, BehindAFanOutOnlyMissingItemsCount) {
  pipeline("traces", {"otlp"}, {"batch"}, {"a", "b"});
  stage("receivers/otlp", 10, 10);
  stage("processors/batch (traces)", 10, 10);
  stage("exporters/a", 12, 12);  // a batch came again because b had refused it
  StageBooks& second = stage("exporters/b", 9, 9);
  EXPECT_EQ(difference(), 1U);
  second.take(1);
  second.pass_on(1);
  EXPECT_EQ(difference(), 0U);
}

TEST_F(PipelineBalanceTest, TellsTheLogWhenAPipelineAtRestIsOff) {
  pipeline("traces", {"otlp"}, {}, {"a"});
  stage("receivers/otlp", 10, 10);
  stage("exporters/a", 9, 9);
  PipelineBalances balances(settings_, ledger_);
  std::vector<MetricFamily> families;
  ::testing::internal::CaptureStderr();
  balances.collect(families);
  EXPECT_THAT(::testing::internal::GetCapturedStderr(), Not(HasSubstr("books are off")));
  EXPECT_EQ(families.at(0).name, "kernspan_pipeline_balance_difference");
  EXPECT_EQ(families.at(0).samples.at(0).value, 1);
  ::testing::internal::CaptureStderr();
  balances.collect(families);
  balances.report_at_rest();
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              HasSubstr("pipeline traces: at rest, and the books are off by 1 items"));
}

TEST(OwnMetricsTest, CountsItemsOfEveryComponent) {
  Ledger ledger;
  StageBooks& receiver = ledger.add_stage("receivers/otlp");
  receiver.pass_on(5);
  receiver.refuse(2);
  StageBooks& processor = ledger.add_stage("processors/batch/x (traces/1)");
  processor.take(5);
  processor.pass_on(4);
  Metrics metrics;
  const auto registered = metrics.add_collector(
      [&](std::vector<MetricFamily>& families) { collect_items(ledger, families); });
  const MetricLabels of_receiver{{"otelcol_component_kind", "receiver"},
                                 {"otelcol_component_id", "otlp"},
                                 {"outcome", "success"}};
  const MetricLabels of_processor{{"otelcol_component_kind", "processor"},
                                  {"otelcol_component_id", "batch/x"},
                                  {"otelcol_pipeline_id", "traces/1"},
                                  {"outcome", "success"}};
  EXPECT_EQ(metrics.value("otelcol_receiver_produced_items", of_receiver), 5);
  EXPECT_EQ(metrics.value("otelcol_processor_consumed_items", of_processor), 5);
  EXPECT_EQ(metrics.value("otelcol_processor_produced_items", of_processor), 4);
  EXPECT_THAT(metrics.text(), HasSubstr("outcome=\"refused\"} 2"));
}

TEST(OwnMetricsTest, TellsItsOwnResource) {
  Metrics metrics;
  TelemetrySettings settings;
  settings.resource = {{"k8s.pod.name", "gw-0"}, {"service.version", ""}};
  const auto registered = add_target_info(metrics, settings);
  EXPECT_THAT(metrics.text(),
              ::testing::ContainsRegex(
                  "\ntarget_info\\{k8s_pod_name=\"gw-0\",service_instance_id=\"[-0-9a-f]"
                  "+\",service_name=\"kernspan\"\\} 1"));
}

}  // namespace
}  // namespace kernspan
