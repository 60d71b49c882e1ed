#include "pipeline/base/ledger.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kernspan {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> names_of(const Ledger& ledger) {
  std::vector<std::string> names;
  for (const StageBalance& balance : ledger.balances()) names.push_back(balance.stage);
  return names;
}

TEST(Ledger, BalancesWhenEverythingIsAccountedFor) {
  Ledger ledger;
  StageBooks& batch = ledger.add_stage("processors/batch");
  batch.take(100);
  batch.pass_on(60);
  batch.hold(30);
  batch.dropped("queue_full").add(7);
  batch.dropped("stopped").add(3);
  batch.refuse(1000);  // never taken: no part of the sum
  EXPECT_TRUE(ledger.balances_all());
  const StageBalance balance = batch.balance();
  EXPECT_EQ(balance.difference(), 0);
  EXPECT_EQ(balance.dropped_total(), 10u);
  EXPECT_EQ(balance.refused, 1000u);
  EXPECT_EQ(balance.held, 30u);
}

TEST(Ledger, SaysWhatIsMissing) {
  Ledger ledger;
  StageBooks& stage = ledger.add_stage("exporters/otlp");
  stage.take(100);
  stage.pass_on(95);
  EXPECT_FALSE(ledger.balances_all());
  EXPECT_EQ(stage.balance().difference(), -5);
  EXPECT_THAT(ledger.summary(), HasSubstr("5 UNACCOUNTED FOR"));
}

TEST(Ledger, SaysWhatWasCountedTwice) {
  Ledger ledger;
  StageBooks& stage = ledger.add_stage("exporters/otlp");
  stage.take(10);
  stage.hold(10);
  stage.pass_on(10);  // without release()
  EXPECT_FALSE(ledger.balances_all());
  EXPECT_EQ(stage.balance().difference(), 10);
  EXPECT_THAT(ledger.summary(), HasSubstr("10 COUNTED TWICE"));
  stage.release(10);
  EXPECT_TRUE(ledger.balances_all());
}

TEST(Ledger, KeepsTheOrderOfTheFlow) {
  Ledger ledger;
  const StageBooks& receiver = ledger.add_stage("receivers/ebpf");
  ledger.add_stage("exporters/otlp");
  ledger.add_stage_before(receiver, "ring", "events");
  EXPECT_THAT(names_of(ledger), ElementsAre("ring", "receivers/ebpf", "exporters/otlp"));
  EXPECT_EQ(ledger.balances()[0].unit, "events");
}

TEST(Ledger, SummaryIsATableWithReasons) {
  Ledger ledger;
  StageBooks& stage = ledger.add_stage("receivers/otlp");
  stage.take(12);
  stage.pass_on(9);
  stage.dropped("malformed").add(3);
  stage.dropped("too_large");  // never happened
  const std::string summary = ledger.summary();
  EXPECT_THAT(summary, HasSubstr("stage"));
  EXPECT_THAT(summary, ::testing::ContainsRegex("receivers/otlp +spans +12 +9 +0 +3 +0 +balances"));
  EXPECT_THAT(summary, ::testing::ContainsRegex("dropped +3 malformed"));
  EXPECT_THAT(summary, Not(HasSubstr("too_large")));
}

TEST(Ledger, IsCollectedAsMetrics) {
  Metrics metrics;
  Ledger ledger;
  const Metrics::Registration registration = metrics.add_collector(
      [&ledger](std::vector<MetricFamily>& families) { ledger.collect(families); });
  StageBooks& stage = ledger.add_stage("receivers/otlp");
  stage.take(5);
  stage.hold(4);
  stage.dropped("malformed").add(1);
  stage.dropped("too_large");  // never happened: is there, for rates and alerts
  const MetricLabels labels{{"stage", "receivers/otlp"}, {"unit", "spans"}};
  MetricLabels with_reason = labels;
  with_reason.emplace("reason", "malformed");
  EXPECT_EQ(metrics.value("kernspan_stage_taken", labels), 5);
  EXPECT_EQ(metrics.value("kernspan_stage_passed_on", labels), 0);
  EXPECT_EQ(metrics.value("kernspan_stage_held", labels), 4);
  EXPECT_EQ(metrics.value("kernspan_stage_refused", labels), 0);
  EXPECT_EQ(metrics.value("kernspan_stage_dropped", with_reason), 1);
  with_reason["reason"] = "too_large";
  EXPECT_EQ(metrics.value("kernspan_stage_dropped", with_reason), 0);
}

}  // namespace
}  // namespace kernspan
