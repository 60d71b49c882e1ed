#include "pipeline/processors/resource_detection/resource_detection_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "tests/unit/pipeline/processors/processor_fixture.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ResourceDetectionTest : public ProcessorFixture {
 protected:
  ResourceDetectionTest() : ProcessorFixture(resource_detection_processor_factory(sources())) {}

  static DetectionSources sources() {
    return {.environment = [](std::string_view name) -> std::optional<std::string> {
              if (name == "OTEL_RESOURCE_ATTRIBUTES") return "service.name=detected,os.type=mine";
              return std::nullopt;
            },
            .root = "/nowhere"};
  }
  std::string resource(const std::string& yaml) {
    otlp::ReferenceRequest result = process(yaml, otlp::reference_request(1));
    return text_of(resource_of(result).attributes());
  }
};

TEST_F(ResourceDetectionTest, OverridesUnlessToldOtherwise) {
  EXPECT_EQ(resource("{}"), R"(service.name="detected" os.type="mine")");
}

TEST_F(ResourceDetectionTest, KeepsWhatIsThere) {
  EXPECT_EQ(resource("{override: false}"), R"(service.name="shop" os.type="mine")");
}

TEST_F(ResourceDetectionTest, TheFirstDetectorWins) {
  EXPECT_THAT(resource("{detectors: [env, system], system: {hostname_sources: [os]}}"),
              AllOf(HasSubstr(R"(os.type="mine")"), HasSubstr("host.name=")));
}

TEST_F(ResourceDetectionTest, TheOtherWayRound) {
  EXPECT_THAT(resource("{detectors: [system, env], system: {hostname_sources: [os]}}"),
              HasSubstr(R"(os.type="linux")"));
}

TEST_F(ResourceDetectionTest, ReportsTheListedAttributesOnly) {
  EXPECT_EQ(resource("{attributes: [os.type]}"), R"(service.name="shop" os.type="mine")");
}

TEST_F(ResourceDetectionTest, WarnsOfEachDetectorThatFails) {
  ::testing::internal::CaptureStderr();
  resource("{detectors: [docker, k8s_api, env]}");
  EXPECT_THAT(::testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr("detector docker: there is no"),
                    HasSubstr("detector k8s_api: the node's name is not known")));
}

TEST_F(ResourceDetectionTest, GoesOnWithoutWhatIsMissing) {
  EXPECT_EQ(resource("{detectors: [docker, k8s_api, env]}"),
            R"(service.name="detected" os.type="mine")");
  EXPECT_EQ(
      stage_.metric("kernspan_processor_resource_detection_rounds",
                    {{"processor", "processor"}, {"detector", "docker"}, {"outcome", "failure"}}),
      1);
}

TEST_F(ResourceDetectionTest, FailsWithoutWhatIsMissingWhenTold) {
  ASSERT_EQ(create("{detectors: [docker, env], fail_on_missing_metadata: true}"), "");
  EXPECT_THAT(processor_->start().error().message, HasSubstr("detector docker: there is no"));
}

TEST_F(ResourceDetectionTest, NamesWhatItDoesNotKnow) {
  EXPECT_THAT(create("{detectors: [k8s]}"), HasSubstr("invalid detector key: k8s; use env"));
  EXPECT_THAT(create("{detectors: [ec2]}"), HasSubstr("(it is not supported here)"));
  EXPECT_THAT(create("{system: {hostname_sources: [x]}}"), HasSubstr("invalid value: \"x\""));
  EXPECT_THAT(create("{system: {resource_attributes: {host.ip: {enabled: true}}}}"),
              HasSubstr("host.ip: is not supported; there are host.arch"));
  EXPECT_THAT(create("{timeout: 0s}"), HasSubstr("must be greater than zero"));
}

TEST_F(ResourceDetectionTest, TakesUpstreamsOldName) {
  EXPECT_EQ(create("{detectors: [k8snode], k8snode: {auth_type: serviceAccount, "
                   "node_from_env_var: NODE_NAME}}"),
            "");
  EXPECT_THAT(stage_.warnings.messages,
              ::testing::Contains(HasSubstr("\"k8snode\" is now called k8s_api")));
  EXPECT_THAT(create("{detectors: [kubernetes]}"), HasSubstr("invalid detector key: kubernetes;"));
}

// A detector that answers as it is told, and waits until it is.
class ToldDetector final : public Detector {
 public:
  struct Script {
    std::mutex mutex;
    std::condition_variable changed;
    std::deque<Result<DetectedAttributes>> answers;
    int asked = 0;
  };

  explicit ToldDetector(std::shared_ptr<Script> script) : script_(std::move(script)) {}

  Result<DetectedAttributes> detect(std::chrono::steady_clock::time_point) override {
    std::unique_lock lock(script_->mutex);
    script_->changed.wait_for(lock, kPatience, [this] { return !script_->answers.empty(); });
    if (script_->answers.empty()) return permanent("the test gave no answer");
    Result<DetectedAttributes> answer = script_->answers.front();
    if (script_->answers.size() > 1) script_->answers.pop_front();
    ++script_->asked;
    return answer;
  }

 private:
  std::shared_ptr<Script> script_;
};

class DetectionRoundsTest : public ResourceDetectionTest {
 protected:
  void start(ResourceDetectionSettings settings) {
    std::vector<NamedDetector> detectors;
    detectors.push_back({"told", std::make_unique<ToldDetector>(script_)});
    processor_ = std::make_unique<ResourceDetectionProcessor>(stage_.context(), settings,
                                                              std::move(detectors), next_);
    ASSERT_TRUE(processor_->start());
  }
  void answer(Result<DetectedAttributes> given) {
    const std::scoped_lock lock(script_->mutex);
    script_->answers.push_back(std::move(given));
    script_->changed.notify_all();
  }
  // Sends spans until one arrives with that text in its resource.
  bool wait_for(const std::string& text) {
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    while (next_.bytes().find(text) == std::string::npos) {
      if (std::chrono::steady_clock::now() > deadline) return false;
      EXPECT_TRUE(processor_->consume(*otlp::Batch::from_wire(otlp::reference_bytes(1))));
      std::this_thread::yield();
    }
    return true;
  }

  std::shared_ptr<ToldDetector::Script> script_ = std::make_shared<ToldDetector::Script>();
};

TEST_F(DetectionRoundsTest, TheStartDoesNotWaitForever) {
  ResourceDetectionSettings settings;
  settings.timeout = 1ms;
  start(settings);
  EXPECT_TRUE(processor_->consume(*otlp::Batch::from_wire(otlp::reference_bytes(1))));
  answer(DetectedAttributes{{"zone", "late"}});
  EXPECT_TRUE(wait_for("late"));
}

TEST_F(DetectionRoundsTest, RefreshesAndKeepsWhatItHadWhenThatFails) {
  answer(DetectedAttributes{{"zone", "first"}});
  answer(permanent("gone"));
  answer(DetectedAttributes{{"zone", "second"}});
  ResourceDetectionSettings settings;
  settings.refresh_interval = 1ms;
  start(settings);
  EXPECT_TRUE(wait_for("second"));
}

TEST_F(DetectionRoundsTest, TriesAgainWhatMayWorkLater) {
  answer(retryable("starting"));
  answer(DetectedAttributes{{"zone", "found"}});
  ResourceDetectionSettings settings;
  settings.retry_interval = 1ms;
  start(settings);
  EXPECT_TRUE(wait_for("found"));
  processor_->stop(std::chrono::steady_clock::now() + kPatience);
  EXPECT_EQ(script_->asked, 2) << "it is not asked again once it worked";
}

}  // namespace
}  // namespace kernspan
