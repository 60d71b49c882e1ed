#include "pipeline/service/skip_unbuilt.h"

#include <gmock/gmock.h>

#include "tests/unit/pipeline/service/config_case.h"
#include "tests/unit/pipeline/service/fake_components.h"

namespace kernspan {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class SkipUnbuilt : public ConfigCase {
 protected:
  void leave_out(std::string_view yaml) {
    root_ = parse(yaml);
    leave_out_unbuilt(root_, KnownTypes(fakes_.registry()), warnings_);
  }

  std::vector<std::string> ids_at(std::initializer_list<std::string_view> path) {
    std::vector<std::string> ids;
    for (const IdView& id : ids_of(find_path(root_, path))) ids.push_back(id.id);
    return ids;
  }

  FakeComponents fakes_;
  ConfigNode root_;
};

TEST_F(SkipUnbuilt, TakesComponentsOutOfTheirPipelinesAndSaysSo) {
  leave_out(
      "receivers: {fake: }\nprocessors: {redaction: , fake: }\n"
      "exporters: {fake: , kafka: }\nextensions: {oidc: , fake_ext: }\n"
      "service:\n  extensions: [oidc, fake_ext]\n  pipelines: {traces: {receivers: [fake], "
      "processors: [redaction, fake], exporters: [kafka, fake]}}\n");
  EXPECT_THAT(ids_at({"service", "pipelines", "traces", "processors"}), ElementsAre("fake"));
  EXPECT_THAT(ids_at({"service", "pipelines", "traces", "exporters"}), ElementsAre("fake"));
  EXPECT_THAT(ids_at({"service", "extensions"}), ElementsAre("fake_ext"));
  EXPECT_EQ(find_path(root_, {"exporters", "kafka"}), nullptr);
  EXPECT_THAT(warnings_.messages, SizeIs(3));
  EXPECT_THAT(warnings_.messages,
              Contains(HasSubstr("a.yaml:2:14: processors::redaction: LEFT OUT: ")));
}

TEST_F(SkipUnbuilt, LeavesWhatNobodyKnowsToBeRefused) {
  leave_out("processors: {nobodys: }\nservice: {pipelines: {traces: {processors: [nobodys]}}}\n");
  EXPECT_THAT(ids_at({"service", "pipelines", "traces", "processors"}), ElementsAre("nobodys"));
  EXPECT_THAT(warnings_.messages, IsEmpty());
}

TEST_F(SkipUnbuilt, TakesPipelinesThatAConnectorFedWithIt) {
  leave_out(
      "connectors: {routing: }\n"
      "service: {pipelines: {traces: {receivers: [fake], exporters: [fake, routing]}, "
      "metrics: {receivers: [routing], exporters: [fake]}}}\n");
  EXPECT_THAT(ids_at({"service", "pipelines", "traces", "exporters"}), ElementsAre("fake"));
  EXPECT_EQ(find_path(root_, {"service", "pipelines", "metrics"}), nullptr);
  EXPECT_THAT(warnings_.messages, Contains(HasSubstr("service::pipelines::metrics: LEFT OUT: ")));
}

TEST_F(SkipUnbuilt, PutsTheFirstLevelWhereAFailoverStood) {
  leave_out(
      "connectors: {failover: {priority_levels: [[traces/a], [traces/b]]}}\n"
      "service: {pipelines: {traces: {receivers: [fake], exporters: [failover]}, "
      "traces/a: {receivers: [failover], exporters: [fake/a]}, "
      "traces/b: {receivers: [failover], exporters: [fake/b]}}}\n");
  EXPECT_THAT(ids_at({"service", "pipelines", "traces", "exporters"}), ElementsAre("fake/a"));
  EXPECT_EQ(find_path(root_, {"service", "pipelines", "traces/b"}), nullptr);
}

TEST_F(SkipUnbuilt, KeepsTheQueueInMemoryWithoutItsStorage) {
  leave_out(
      "exporters: {fake: {sending_queue: {storage: oidc, queue_size: 5}}}\n"
      "extensions: {oidc: }\nservice: {extensions: [oidc]}\n");
  EXPECT_EQ(find_path(root_, {"exporters", "fake", "sending_queue", "storage"}), nullptr);
  EXPECT_NE(find_path(root_, {"exporters", "fake", "sending_queue", "queue_size"}), nullptr);
  EXPECT_THAT(warnings_.messages, Contains(HasSubstr("sending_queue::storage: LEFT OUT: ")));
}

}  // namespace
}  // namespace kernspan
