#include "tools/kernspan/doctor/diagnosis.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "pipeline/service/translations/translations.h"
#include "tests/unit/pipeline/service/config_case.h"
#include "tests/unit/pipeline/service/fake_components.h"
#include "tools/kernspan/doctor/report.h"
#include "tools/kernspan/doctor/rules.h"

namespace kernspan::doctor {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

constexpr const char* kGood =
    "yaml:receivers: {fake: }\nexporters: {fake: }\n"
    "service: {pipelines: {traces: {receivers: [fake], exporters: [fake]}}}\n";

class DiagnosisTest : public ConfigCase {
 protected:
  std::vector<Finding> diagnosed(const std::vector<std::string>& sources) {
    auto findings = diagnose(sources, environment(), fakes_.registry(), {});
    EXPECT_TRUE(findings) << findings.error().message;
    return findings.value_or(std::vector<Finding>());
  }

  std::vector<std::string> ids(const std::vector<std::string>& sources) {
    std::vector<std::string> found;
    for (const Finding& finding : diagnosed(sources)) found.push_back(finding.id);
    return found;
  }

  FakeComponents fakes_;
};

TEST_F(DiagnosisTest, FindsLittleInLittle) {
  EXPECT_THAT(ids({kGood}), ElementsAre("no_memory_limiter"));
}

TEST_F(DiagnosisTest, ExaminesWhatIsNotBuilt) {
  const auto findings = diagnosed(
      {kGood,
       "yaml:connectors: {span_metrics: }\n"
       "service::pipelines: {traces: {receivers: [fake], exporters: [fake, span_metrics]}, "
       "metrics: {receivers: [span_metrics], exporters: [fake]}}"});
  std::vector<std::string> found;
  for (const Finding& finding : findings) found.push_back(finding.id);
  EXPECT_THAT(found, AllOf(Contains("not_in_this_version"), Contains("metrics_of_a_sample")));
}

TEST_F(DiagnosisTest, TellsOfTranslationsWithTheirPoints) {
  const auto findings = diagnosed({kGood, "yaml:service::telemetry::metrics::address: 'a:1'"});
  const auto found = std::ranges::find(findings, "metrics_address", &Finding::id);
  ASSERT_NE(found, findings.end());
  EXPECT_EQ(found->point, 8);
  EXPECT_EQ(found->severity, Severity::kWarning);
  EXPECT_EQ(found->where, "yaml:1:39");
  EXPECT_THAT(found->fix, StartsWith("write readers: "));
}

TEST_F(DiagnosisTest, SplitsProblemsIntoPlaceReasonAndFix) {
  const auto findings = diagnosed({kGood, "yaml:exporters: {fkae: }"});
  const auto found = std::ranges::find(findings, "refused", &Finding::id);
  ASSERT_NE(found, findings.end());
  EXPECT_EQ(found->where, "yaml:1:13");
  EXPECT_THAT(found->reason, HasSubstr("unknown type: \"fkae\""));
  EXPECT_EQ(found->fix, "did you mean \"fake\"?");
}

TEST_F(DiagnosisTest, KnowsFragments) {
  EXPECT_THAT(ids({"yaml:processors: {fake: }"}), Contains("fragment"));
  EXPECT_THAT(ids({"yaml:processors: {fake: }"}), ::testing::Not(Contains("refused")));
  EXPECT_THAT(ids({kGood}), ::testing::Not(Contains("fragment")));
}

TEST_F(DiagnosisTest, ReadsAlertsByTheirMetrics) {
  const auto alert = [](const std::string& expression) {
    return "yaml:groups: [{rules: [{alert: A, expr: '" + expression + "'}]}]";
  };
  EXPECT_THAT(ids({alert("rate(otelcol_exporter_sent_spans_total[5m]) > 0")}),
              ElementsAre("alert_on_no_metric"));
  EXPECT_THAT(ids({alert("otelcol_processor_dropped_spans > 0")}),
              ElementsAre("alert_on_no_metric"));
  EXPECT_THAT(ids({alert("sum(spans_total) by (cluster)")}),
              ElementsAre("alert_on_foreign_metric"));
  EXPECT_THAT(ids({alert("rate(otelcol_exporter_sent_spans{a=\"x_total\"}[5m]) / spans > 0")}),
              IsEmpty());
  const std::string with_suffix =
      "yaml:service::telemetry::metrics::readers: [{pull: {exporter: {prometheus: "
      "{without_type_suffix: false}}}}]";
  EXPECT_THAT(ids({kGood, with_suffix, alert("otelcol_exporter_sent_spans_total")}),
              ElementsAre("no_memory_limiter"));
}

TEST_F(DiagnosisTest, RefusesWhatItCannotRead) {
  EXPECT_FALSE(diagnose({"/nowhere"}, environment(), fakes_.registry(), {}));
  EXPECT_FALSE(diagnose({"yaml:{"}, environment(), fakes_.registry(), {}));
}

TEST(DoctorTables, NameEachRuleOnce) {
  std::set<std::string_view> ids;
  std::set<int> points;
  for (const Rule& rule : rules()) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
    EXPECT_TRUE(rule.point == 0 || points.insert(rule.point).second) << rule.point;
  }
  for (const TranslationRule& rule : kTranslations) {
    EXPECT_TRUE(ids.insert(rule.id).second) << rule.id;
  }
}

TEST(DoctorReports, AreTextOrJson) {
  const std::vector<Finding> findings = {
      {"b", 0, Severity::kInfo, "", "some\"thing \xff", "nothing"},
      {"a", 7, Severity::kError, "a.yaml:1:2", "wrong", "right"}};
  EXPECT_EQ(text_report({findings[1]}),
            "a.yaml:1:2: error: wrong [a]\n    right\n1 errors, 0 warnings, 0 notes\n");
  EXPECT_THAT(text_report(findings), StartsWith("a.yaml:1:2: error"));
  const auto json = nlohmann::json::parse(json_report(findings));
  ASSERT_EQ(json.size(), 2u);
  EXPECT_TRUE(json[0]["point"].is_null());
  EXPECT_EQ(json[1]["point"], 7);
  EXPECT_EQ(json[1]["severity"], "error");
}

}  // namespace
}  // namespace kernspan::doctor
