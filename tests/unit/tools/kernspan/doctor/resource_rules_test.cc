#include "tests/unit/tools/kernspan/doctor/rule_case.h"

namespace kernspan::doctor {
namespace {

using ::testing::HasSubstr;

class ResourceRules : public RuleCase {};

TEST_F(ResourceRules, Deduplication) {
  EXPECT_THAT(
      found("deduplication_scope", "processors: {span_dedup: }\n" + pipeline("span_dedup", "otlp")),
      HasSubstr("no such processor"));
  EXPECT_EQ(found("deduplication_scope", "processors: {span_dedup: }\n" + pipeline("", "otlp")),
            "");
}

TEST_F(ResourceRules, WatchesOfAllPods) {
  const auto yaml = [](const std::string& settings) {
    return "processors: {k8sattributes: {" + settings + "}}\n" + pipeline("k8sattributes", "otlp");
  };
  EXPECT_THAT(found("watches_all_pods", yaml("")), HasSubstr("every pod of the cluster"));
  EXPECT_EQ(found("watches_all_pods", yaml("filter: {node_from_env_var: NODE}")), "");
  EXPECT_EQ(found("watches_all_pods", yaml("passthrough: true")), "");
}

TEST_F(ResourceRules, LabelsThatNobodyExtracts) {
  const std::string processors =
      "processors:\n"
      "  resource: {attributes: [{key: zone, from_attribute: k8s.node.labels.a/zone, action: "
      "insert}]}\n"
      "  k8sattributes: {extract: {labels: [{tag_name: k8s.node.labels.a/zone, key: a/zone, from: "
      "node}]}}\n";
  EXPECT_THAT(
      found("label_not_extracted", processors + pipeline("resource, k8sattributes", "otlp")),
      HasSubstr("nothing before it sets k8s.node.labels.a/zone"));
  EXPECT_EQ(found("label_not_extracted", processors + pipeline("k8sattributes, resource", "otlp")),
            "");
  EXPECT_EQ(found("label_not_extracted",
                  "processors: {resource: {attributes: [{key: a, from_attribute: host.name}]}}\n" +
                      pipeline("resource", "otlp")),
            "");
}

TEST_F(ResourceRules, AttributesThatBecomeNumbers) {
  variables_ = {{"CLUSTER", "0123"}, {"NAME", "eu-1"}};
  const auto yaml = [](const std::string& value) {
    return "processors: {resource: {attributes: [{key: c, value: " + value + "}]}}\n";
  };
  EXPECT_THAT(found("numeric_attribute", yaml("\"${CLUSTER}\"")), HasSubstr("c becomes a number"));
  EXPECT_EQ(found("numeric_attribute", yaml("\"${NAME}\"")), "");
  EXPECT_EQ(found("numeric_attribute", yaml("5")), "");
}

}  // namespace
}  // namespace kernspan::doctor
