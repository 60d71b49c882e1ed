#include "pipeline/processors/memory_limiter/memory_limiter_processor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>

#include "pipeline/processors/memory_limiter/host_memory.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/fake_clock.h"
#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr std::uint64_t kMib = 1 << 20;

class MemoryLimiterTest : public ::testing::Test {
 protected:
  // The thread checks once an hour, that is never: tests call check() where it would.
  void start(MemoryLimiterSettings settings = {.limit_mib = 100, .spike_limit_mib = 20}) {
    settings.check_interval = 1h;
    const MemorySource source{.total_bytes = [this]() -> Result<std::uint64_t> { return total_; },
                              .resident_bytes = [this] { return std::optional(resident_.load()); },
                              .give_back = [this] { resident_ -= std::exchange(freed_, 0); }};
    processor_ =
        std::make_unique<MemoryLimiterProcessor>(stage_.context(), settings, next_, source);
    ASSERT_TRUE(processor_->start());
  }
  Status send(std::size_t spans = 3) {
    return processor_->consume(*otlp::Batch::from_wire(otlp::reference_bytes(spans)));
  }
  void use(std::uint64_t mib) {
    resident_ = mib * kMib;
    processor_->check();
  }
  double metric(const std::string& name) {
    return stage_.metric(name, {{"processor", "memory_limiter"}, {"pipeline", "traces"}});
  }

  FakeClock clock_;
  ComponentStage stage_{"memory_limiter", &clock_};
  RememberingConsumer next_;
  std::atomic<std::uint64_t> resident_{10 * kMib};
  std::uint64_t freed_ = 0;  // what the next give_back() gives back
  std::uint64_t total_ = 1000 * kMib;
  std::unique_ptr<MemoryLimiterProcessor> processor_;
};

TEST_F(MemoryLimiterTest, PassesOnBelowTheSoftLimit) {
  start();
  use(79);
  EXPECT_TRUE(send());
  EXPECT_TRUE(processor_->admit(otlp::Signal::kTraces, 1000));
  EXPECT_EQ(next_.spans(), 3U);
  EXPECT_EQ(metric("otelcol_processor_memory_limiter_accepted_spans"), 3);
  EXPECT_EQ(metric("otelcol_processor_memory_limiter_refused_spans"), 0);
  EXPECT_EQ(metric("kernspan_processor_memory_limiter_limit_bytes"), 100.0 * kMib);
  EXPECT_EQ(metric("kernspan_processor_memory_limiter_soft_limit_bytes"), 80.0 * kMib);
  EXPECT_EQ(stage_.books.balance().passed_on, 3U);
}

TEST_F(MemoryLimiterTest, RefusesRetryablyFromTheSoftLimitOn) {
  start();
  use(80);
  const Status taken = send();
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().kind, ErrorKind::kRetryable);
  EXPECT_EQ(taken.error().message, "data refused due to high memory usage");
  const Status admitted = processor_->admit(otlp::Signal::kTraces, 1);
  ASSERT_FALSE(admitted);
  EXPECT_EQ(admitted.error().kind, ErrorKind::kRetryable);
  EXPECT_EQ(next_.spans(), 0U);
  EXPECT_EQ(metric("otelcol_processor_memory_limiter_refused_spans"), 3);
  EXPECT_EQ(metric("kernspan_processor_memory_limiter_refused_requests"), 1);
  EXPECT_EQ(metric("kernspan_processor_memory_limiter_refusing"), 1);
  EXPECT_EQ(stage_.books.balance().refused, 3U);
}

TEST_F(MemoryLimiterTest, TakesAgainSomewhatBelowTheSoftLimit) {
  start();
  use(85);
  use(79);
  EXPECT_FALSE(send()) << "the gap: 2 MiB";
  use(77);
  EXPECT_TRUE(send());
  EXPECT_EQ(metric("kernspan_processor_memory_limiter_refusing"), 0);
}

TEST_F(MemoryLimiterTest, GivesFreedMemoryBackBeforeItRefuses) {
  start();
  freed_ = 40 * kMib;
  use(90);
  EXPECT_TRUE(send());
  EXPECT_EQ(metric("kernspan_processor_memory_limiter_trims"), 1);
  freed_ = 40 * kMib;
  use(90);
  EXPECT_FALSE(send()) << "not more often than every ten seconds below the hard limit";
  clock_.advance(10s);
  processor_->check();
  EXPECT_TRUE(send());
}

TEST_F(MemoryLimiterTest, GivesMemoryBackAtEachCheckAboveTheHardLimit) {
  start();
  use(150);
  use(150);
  EXPECT_EQ(metric("kernspan_processor_memory_limiter_trims"), 2);
  EXPECT_FALSE(send());
}

TEST_F(MemoryLimiterTest, MeasuresAnewBeforeABatchThatWouldLeadOverTheLimit) {
  start({.limit_mib = 2, .spike_limit_mib = 1});
  use(0);
  std::size_t taken = 0;
  // Nothing piles up: any amount passes.
  for (int i = 0; i < 50; ++i) taken += send(1000) ? 1U : 0U;
  EXPECT_EQ(taken, 50U);
  // It does: without a check by the thread, what comes is refused.
  resident_ = 3 * kMib;
  std::size_t refused = 0;
  for (int i = 0; i < 50; ++i) refused += send(1000) ? 0U : 1U;
  EXPECT_GT(refused, 25U);
}

TEST_F(MemoryLimiterTest, ARequestThatAloneExceedsTheLimitIsNotAdmitted) {
  start();
  EXPECT_FALSE(processor_->admit(otlp::Signal::kTraces, 95 * kMib));
  EXPECT_TRUE(processor_->admit(otlp::Signal::kTraces, 80 * kMib));
}

TEST_F(MemoryLimiterTest, WhatTheNextRefusesWasNotTaken) {
  start();
  next_.refuse_all(true);
  EXPECT_FALSE(send());
  EXPECT_EQ(stage_.books.balance().taken, 0U);
  EXPECT_EQ(metric("otelcol_processor_memory_limiter_accepted_spans"), 0);
}

TEST_F(MemoryLimiterTest, CountsDataPointsInAPipelineOfMetrics) {
  stage_.signals = kMetricsOnly;
  start();
  use(90);
  EXPECT_FALSE(processor_->consume(otlp::Batch::from_encoder("x", 7, otlp::Signal::kMetrics)));
  EXPECT_EQ(metric("otelcol_processor_memory_limiter_refused_metric_points"), 7);
}

TEST_F(MemoryLimiterTest, TheThreadChecksByItself) {
  MemoryLimiterProcessor processor(
      stage_.context(), {.check_interval = 1ms, .limit_mib = 100}, next_,
      {.total_bytes = [this]() -> Result<std::uint64_t> { return total_; },
       .resident_bytes = [this] { return std::optional(resident_.load()); },
       .give_back = [] {}});
  ASSERT_TRUE(processor.start());
  resident_ = 90 * kMib;
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (processor.admit(otlp::Signal::kTraces, 1) && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::yield();
  }
  EXPECT_FALSE(processor.admit(otlp::Signal::kTraces, 1));
}

TEST(MemoryLimitsTest, PercentagesAreOfTheTotal) {
  const MemoryLimits limits =
      MemoryLimits::from({.limit_percentage = 80, .spike_limit_percentage = 25}, 1000 * kMib);
  EXPECT_EQ(limits.hard_bytes / kMib, 800U);
  EXPECT_EQ(limits.soft_bytes / kMib, 550U);
}

TEST(MemoryLimitsTest, TheSpikeIsAFifthUnlessGiven) {
  EXPECT_EQ(MemoryLimits::from({.limit_mib = 100}, 0).soft_bytes, 80 * kMib);
  EXPECT_EQ(MemoryLimits::from({.limit_mib = 100, .limit_percentage = 1}, 50).hard_bytes,
            100 * kMib)
      << "limit_mib comes first";
}

std::string error_of(const std::string& yaml) {
  ComponentStage stage("memory_limiter");
  RememberingConsumer next;
  const auto made =
      memory_limiter_processor_factory().create(ComponentStage::yaml(yaml), stage.context(), next);
  return made ? "" : made.error().message;
}

TEST(MemoryLimiterSettingsTest, RefusesWhatUpstreamRefuses) {
  EXPECT_EQ(error_of("{check_interval: 1s, limit_mib: 4000, spike_limit_mib: 800, "
                     "min_gc_interval_when_soft_limited: 20s}"),
            "");
  EXPECT_EQ(error_of("{check_interval: 1s, limit_percentage: 80, spike_limit_percentage: 25}"), "");
  EXPECT_THAT(error_of("{limit_mib: 4000}"),
              HasSubstr("check_interval: 'check_interval' must be greater than zero"));
  EXPECT_THAT(error_of("{check_interval: 1s}"),
              HasSubstr("'limit_mib' or 'limit_percentage' must be greater than zero"));
  EXPECT_THAT(error_of("{check_interval: 1s, limit_mib: 5, spike_limit_mib: 5}"),
              HasSubstr("'spike_limit_mib' must be smaller than 'limit_mib'"));
  EXPECT_THAT(error_of("{check_interval: 1s, limit_percentage: 101}"),
              HasSubstr("less than or equal to hundred"));
  EXPECT_THAT(error_of("{check_interval: 1s, limit_percentage: 50, spike_limit_percentage: 60}"),
              HasSubstr("'spike_limit_percentage' must be smaller than 'limit_percentage'"));
}

// A root file system with what the kernel says of memory.
class HostMemoryTest : public ::testing::Test {
 protected:
  HostMemoryTest() {
    std::string pattern = ::testing::TempDir() + "host_memoryXXXXXX";
    root_ = mkdtemp(pattern.data());
    write("proc/meminfo", "MemTotal:        8388608 kB\nMemFree:         1 kB\n");
  }
  ~HostMemoryTest() override { std::filesystem::remove_all(root_); }

  void write(const std::string& name, const std::string& text) {
    std::filesystem::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << text;
  }
  std::uint64_t total_mib() { return HostMemory(root_).total_bytes().value_or(0) / kMib; }

  std::filesystem::path root_;
};

TEST_F(HostMemoryTest, TheMachineWithoutCgroups) {
  EXPECT_EQ(total_mib(), 8192U);
  std::filesystem::remove(root_ / "proc/meminfo");
  const Result<std::uint64_t> total = HostMemory(root_).total_bytes();
  ASSERT_FALSE(total);
  EXPECT_THAT(total.error().message, HasSubstr("use fixed memory settings (limit_mib)"));
}

TEST_F(HostMemoryTest, Cgroup2TakesTheSmallestOnTheWayUp) {
  write("proc/self/cgroup", "0::/kubepods/pod1/container\n");
  write("sys/fs/cgroup/kubepods/pod1/container/memory.max", "max\n");
  EXPECT_EQ(total_mib(), 8192U);
  write("sys/fs/cgroup/kubepods/pod1/memory.max", "536870912\n");
  EXPECT_EQ(total_mib(), 512U);
  write("sys/fs/cgroup/kubepods/pod1/container/memory.max", "268435456\n");
  EXPECT_EQ(total_mib(), 256U);
}

TEST_F(HostMemoryTest, Cgroup2MountedAsTheContainersOwnRoot) {
  write("proc/self/cgroup", "0::/../../elsewhere\n");
  write("sys/fs/cgroup/memory.max", "134217728\n");
  EXPECT_EQ(total_mib(), 128U);
}

TEST_F(HostMemoryTest, Cgroup1) {
  write("proc/self/cgroup", "5:cpu,memory:/docker/abc\n2:cpuset:/\n");
  write("sys/fs/cgroup/memory/docker/abc/memory.limit_in_bytes", "1073741824\n");
  write("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(total_mib(), 1024U);
}

TEST_F(HostMemoryTest, ALimitAboveTheMachineIsNone) {
  write("proc/self/cgroup", "0::/\n");
  write("sys/fs/cgroup/memory.max", "99999999999999\n");
  EXPECT_EQ(total_mib(), 8192U);
}

TEST(HostMemoryLiveTest, ThisProcessHasMemory) {
  const HostMemory memory("/");
  ASSERT_TRUE(memory.total_bytes());
  ASSERT_TRUE(memory.resident_bytes());
  EXPECT_GT(*memory.resident_bytes(), kMib);
  EXPECT_LT(*memory.resident_bytes(), *memory.total_bytes());
}

}  // namespace
}  // namespace kernspan
