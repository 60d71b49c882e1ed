#include "pipeline/service/graph.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pipeline/component/config_yaml.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/service/fake_components.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class GraphTest : public ::testing::Test {
 protected:
  void build(const std::string& yaml) {
    ConfigWarnings warnings;
    const Result<ConfigNode> root =
        parse_config(yaml, "a.yaml", [](std::string_view) { return std::nullopt; }, warnings);
    ASSERT_TRUE(root) << root.error().message;
    const Registry registry = fakes_.registry();
    const Status read = read_settings(*root, registry, warnings, settings_);
    ASSERT_TRUE(read) << read.error().message;
    Result<std::unique_ptr<Graph>> graph =
        Graph::build(settings_, registry, {metrics_, ledger_, clock_});
    ASSERT_TRUE(graph) << graph.error().message;
    graph_ = *std::move(graph);
  }

  void start() {
    const Status started = graph_->start();
    ASSERT_TRUE(started) << started.error().message;
  }

  std::vector<std::string> take_events() { return std::exchange(fakes_.events, {}); }

  std::vector<std::string> stages() const {
    std::vector<std::string> names;
    for (const StageBalance& balance : ledger_.balances()) names.push_back(balance.stage);
    return names;
  }

  FakeComponents fakes_;
  FakeClock clock_;
  Metrics metrics_;
  Ledger ledger_;
  ServiceSettings settings_;
  std::unique_ptr<Graph> graph_;
};

constexpr const char* kOnePipeline =
    "receivers: {fake: }\n"
    "processors: {fake/a: , fake/b: }\n"
    "exporters: {fake: }\n"
    "extensions: {fake_ext: , fake_ext/2: }\n"
    "service:\n"
    "  extensions: [fake_ext/2, fake_ext]\n"
    "  pipelines: {traces: {receivers: [fake], processors: [fake/a, fake/b], exporters: [fake]}}\n";

// One receiver feeds two pipelines; both use the processor, each its own; they share an exporter.
constexpr const char* kTwoPipelines =
    "receivers: {fake: , fake/2: }\n"
    "processors: {fake: }\n"
    "exporters: {fake/x: , fake/y: }\n"
    "service:\n"
    "  pipelines:\n"
    "    traces: {receivers: [fake], processors: [fake], exporters: [fake/x]}\n"
    "    traces/2: {receivers: [fake, fake/2], processors: [fake], exporters: [fake/x, fake/y]}\n";

TEST_F(GraphTest, IsReadyUnlessAPipelineWouldRefuse) {
  build(
      "receivers: {fake: }\n"
      "exporters: {fake: , fake/full: {refuse: admission}}\n"
      "extensions: {fake_ext: }\n"
      "service:\n"
      "  extensions: [fake_ext]\n"
      "  pipelines:\n"
      "    traces: {receivers: [fake], exporters: [fake]}\n"
      "    traces/2: {receivers: [fake], exporters: [fake/full]}\n");
  start();
  ASSERT_NE(fakes_.view, nullptr);
  const Status ready = fakes_.view->readiness();
  ASSERT_FALSE(ready);
  EXPECT_EQ(ready.error().message, "pipeline traces/2 refuses: exporters::fake/full is full");
}

TEST_F(GraphTest, BuildingStartsNothing) {
  build(kOnePipeline);
  EXPECT_THAT(fakes_.events, IsEmpty());
  graph_.reset();
  EXPECT_THAT(fakes_.events, IsEmpty());
}

TEST_F(GraphTest, StartsConsumersBeforeProducers) {
  build(kOnePipeline);
  start();
  EXPECT_THAT(take_events(),
              ElementsAre("start extensions::fake_ext/2", "start extensions::fake_ext",
                          "start exporters::fake", "start processors::fake/b (traces)",
                          "start processors::fake/a (traces)", "start receivers::fake",
                          "ready extensions::fake_ext/2", "ready extensions::fake_ext"));
}

TEST_F(GraphTest, StopsProducersBeforeConsumers) {
  build(kOnePipeline);
  start();
  take_events();
  graph_->stop(std::chrono::steady_clock::now() + 1s);
  EXPECT_THAT(take_events(),
              ElementsAre("not ready extensions::fake_ext/2", "not ready extensions::fake_ext",
                          "stop receivers::fake", "stop processors::fake/a (traces)",
                          "stop processors::fake/b (traces)", "stop exporters::fake",
                          "stop extensions::fake_ext", "stop extensions::fake_ext/2"));
  graph_->stop(std::chrono::steady_clock::now() + 1s);
  EXPECT_THAT(fakes_.events, IsEmpty());  // idempotent
}

TEST_F(GraphTest, LeavesTimeForThoseBehind) {
  build(kOnePipeline);
  start();
  const auto deadline = std::chrono::steady_clock::now() + 1h;
  graph_->stop(deadline);
  EXPECT_EQ(fakes_.last_deadline, deadline);  // the extension's, which is the last
}

TEST_F(GraphTest, PassesBatchesThroughInOrder) {
  build(kOnePipeline);
  start();
  take_events();
  EXPECT_TRUE(fakes_.emit("fake", 3));
  EXPECT_THAT(take_events(),
              ElementsAre("through processors::fake/a (traces)",
                          "through processors::fake/b (traces)", "spans 3 at exporters::fake"));
}

TEST_F(GraphTest, SharesReceiversAndExportersButNoProcessors) {
  build(kTwoPipelines);
  start();
  EXPECT_THAT(take_events(),
              ElementsAre("start exporters::fake/x", "start exporters::fake/y",
                          "start processors::fake (traces)", "start processors::fake (traces/2)",
                          "start receivers::fake", "start receivers::fake/2"));
  EXPECT_TRUE(fakes_.emit("fake", 3));
  EXPECT_THAT(take_events(),
              ElementsAre("through processors::fake (traces)", "spans 3 at exporters::fake/x",
                          "through processors::fake (traces/2)", "spans 3 at exporters::fake/x",
                          "spans 3 at exporters::fake/y"));
  EXPECT_TRUE(fakes_.emit("fake/2", 1));
  EXPECT_THAT(take_events(),
              ElementsAre("through processors::fake (traces/2)", "spans 1 at exporters::fake/x",
                          "spans 1 at exporters::fake/y"));
}

TEST_F(GraphTest, ListsStagesInTheOrderOfTheFlow) {
  build(kTwoPipelines);
  EXPECT_THAT(stages(),
              ElementsAre("receivers/fake", "receivers/fake/2", "processors/fake (traces)",
                          "processors/fake (traces/2)", "exporters/fake/x", "exporters/fake/y"));
}

TEST_F(GraphTest, DoesNotMakeWhatNothingUses) {
  build(
      "receivers: {fake: , fake/unused: }\n"
      "exporters: {fake: , fake/unused: }\n"
      "service: {pipelines: {traces: {receivers: [fake], exporters: [fake]}}}\n");
  start();
  EXPECT_THAT(take_events(), ElementsAre("start exporters::fake", "start receivers::fake"));
}

TEST_F(GraphTest, AFailedStartStopsWhatWasStarted) {
  build(
      "receivers: {fake: , fake/2: }\n"
      "exporters: {fake: }\n"
      "processors: {fake: {fail_start: true}}\n"
      "service: {pipelines: {traces: {receivers: [fake], processors: [fake], exporters: "
      "[fake]}}}\n");
  const Status started = graph_->start();
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().message, "processors::fake: told to fail");
  EXPECT_THAT(take_events(), ElementsAre("start exporters::fake", "start processors::fake (traces)",
                                         "stop exporters::fake"));
}

TEST_F(GraphTest, FansOutToEveryExporterEvenWhenOneRefuses) {
  build(
      "receivers: {fake: }\n"
      "exporters: {fake/a: {refuse: retryable}, fake/b: , fake/c: {refuse: retryable}}\n"
      "service: {pipelines: {traces: {receivers: [fake], exporters: [fake/a, fake/b, "
      "fake/c]}}}\n");
  start();
  take_events();
  const Status taken = fakes_.emit("fake", 2);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kRetryable);
  EXPECT_EQ(taken.error().message, "later exporters::fake/a; later exporters::fake/c");
  EXPECT_THAT(take_events(), ElementsAre("spans 2 at exporters::fake/b"));
  EXPECT_EQ(
      metrics_.value("kernspan_fan_out_partly_refused_batches", {{"from", "pipeline traces"}}), 1);
}

TEST_F(GraphTest, OnePermanentErrorMakesTheWholeFanOutPermanent) {
  build(
      "receivers: {fake: }\n"
      "exporters: {fake/a: {refuse: retryable}, fake/b: {refuse: permanent}}\n"
      "service: {pipelines: {traces: {receivers: [fake], exporters: [fake/a, fake/b]}}}\n");
  start();
  const Status taken = fakes_.emit("fake", 2);
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kPermanent);
  // Nobody took it, so it was not taken in part.
  EXPECT_EQ(
      metrics_.value("kernspan_fan_out_partly_refused_batches", {{"from", "pipeline traces"}}), 0);
}

// traces --> fake_conn --> traces/kept --> fake/x
//                     \\--> metrics     --> fake/y
constexpr const char* kConnected =
    "receivers: {fake: }\n"
    "processors: {fake: }\n"
    "connectors: {fake_conn: {refuse: \"\"}}\n"
    "exporters: {fake/x: , fake/y: }\n"
    "service:\n"
    "  pipelines:\n"
    "    traces: {receivers: [fake], processors: [fake], exporters: [fake_conn]}\n"
    "    traces/kept: {receivers: [fake_conn], exporters: [fake/x]}\n"
    "    metrics: {receivers: [fake_conn, fake], exporters: [fake/y]}\n";

TEST_F(GraphTest, ConnectorsLeadFromPipelineToPipeline) {
  build(kConnected);
  EXPECT_THAT(stages(),
              ElementsAre("receivers/fake", "processors/fake (traces)", "connectors/fake_conn",
                          "exporters/fake/x", "exporters/fake/y"));
  start();
  EXPECT_THAT(take_events(),
              ElementsAre("start exporters::fake/x", "start exporters::fake/y",
                          "start connectors::fake_conn", "start processors::fake (traces)",
                          "start receivers::fake"));
  EXPECT_TRUE(fakes_.emit("fake", 3));
  EXPECT_THAT(take_events(),
              ElementsAre("through processors::fake (traces)", "through connectors::fake_conn",
                          "spans 3 at exporters::fake/x"));
  EXPECT_TRUE(fakes_.emit("fake", 2, otlp::Signal::kMetrics));
  EXPECT_THAT(take_events(), ElementsAre("metric_points 2 at exporters::fake/y"));
  graph_->stop({});
  EXPECT_THAT(take_events(), ElementsAre("stop receivers::fake", "stop processors::fake (traces)",
                                         "stop connectors::fake_conn", "stop exporters::fake/y",
                                         "stop exporters::fake/x"));
}

TEST_F(GraphTest, AConnectorMayChangeTheSignal) {
  std::string yaml = kConnected;
  yaml.replace(yaml.find("\"\""), 2, "to_metrics");
  build(yaml);
  start();
  take_events();
  EXPECT_TRUE(fakes_.emit("fake", 3));
  EXPECT_THAT(take_events(),
              ElementsAre("through processors::fake (traces)", "through connectors::fake_conn",
                          "metric_points 1 at exporters::fake/y"));
}

}  // namespace
}  // namespace kernspan
