#include "pipeline/exporters/sender/sender_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/pipeline/component_stage.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

Result<SenderSettings> read(const std::string& yaml) {
  const ConfigNode node = ComponentStage::yaml(yaml);
  ConfigWarnings warnings;
  ConfigReader reader(node, warnings, "exporters::x");
  SenderSettings settings;
  read_sender_settings(reader, &settings);
  if (Status status = reader.finish(); !status) return std::unexpected(status.error());
  return settings;
}

TEST(SenderSettings, DefaultsAreTheCollectors) {
  const auto settings = read("{}");
  ASSERT_TRUE(settings);
  EXPECT_EQ(settings->timeout, 5s);
  EXPECT_TRUE(settings->retry.enabled);
  EXPECT_EQ(settings->retry.initial_interval, 5s);
  EXPECT_EQ(settings->retry.randomization_factor, 0.5);
  EXPECT_EQ(settings->retry.multiplier, 1.5);
  EXPECT_EQ(settings->retry.max_interval, 30s);
  EXPECT_EQ(settings->retry.max_elapsed_time, 300s);
  EXPECT_TRUE(settings->queue.enabled);
  EXPECT_EQ(settings->queue.num_consumers, 10U);
  EXPECT_EQ(settings->queue.queue_size, 1000U);
  EXPECT_EQ(settings->queue.sizer, QueueSizer::kRequests);
  EXPECT_FALSE(settings->queue.block_on_overflow);
  EXPECT_FALSE(settings->queue.wait_for_result);
}

TEST(SenderSettings, ReadsEveryKey) {
  const auto settings = read(R"(
timeout: 2s
retry_on_failure: {initial_interval: 100ms, randomization_factor: 0, multiplier: 3,
                   max_interval: 1s, max_elapsed_time: 0}
sending_queue: {num_consumers: 2, queue_size: 5000, sizer: items, block_on_overflow: true,
                wait_for_result: true}
)");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->timeout, 2s);
  EXPECT_EQ(settings->retry.initial_interval, 100ms);
  EXPECT_EQ(settings->retry.multiplier, 3);
  EXPECT_EQ(settings->retry.max_elapsed_time, 0s);
  EXPECT_EQ(settings->queue.num_consumers, 2U);
  EXPECT_EQ(settings->queue.sizer, QueueSizer::kItems);
  EXPECT_TRUE(settings->queue.block_on_overflow);
}

TEST(SenderSettings, RefusesWhatCannotWork) {
  EXPECT_THAT(read("retry_on_failure: {max_elapsed_time: 1s}").error().message,
              HasSubstr("test.yaml:1:38: "));
  EXPECT_THAT(read("retry_on_failure: {max_elapsed_time: 10s}").error().message,
              HasSubstr("shorter than max_interval"));
  EXPECT_THAT(read("sending_queue: {storage: disk, wait_for_result: true}").error().message,
              HasSubstr("wait_for_result: cannot be used with storage"));
  EXPECT_THAT(read("sending_queue: {num_consumers: 0}").error().message,
              HasSubstr("num_consumers"));
  EXPECT_THAT(read("sending_queue: {queue: 1}").error().message, HasSubstr("unknown key"));
}

TEST(SenderSettings, ReadsTheBatch) {
  EXPECT_FALSE(read("{}")->queue.batch.enabled);
  EXPECT_EQ(read("{}")->max_request_bytes, 4U << 20);
  const auto settings = read(
      "max_request_bytes: 1MiB\n"
      "sending_queue: {sizer: bytes, queue_size: 1000000, batch: {min_size: 5, max_size: 10}}");
  ASSERT_TRUE(settings) << settings.error().message;
  EXPECT_EQ(settings->max_request_bytes, 1U << 20);
  EXPECT_TRUE(settings->queue.batch.enabled);
  EXPECT_EQ(settings->queue.batch.flush_timeout, 200ms);
  EXPECT_EQ(settings->queue.batch.sizer, QueueSizer::kBytes) << "the queue's, unless it is set";
  EXPECT_EQ(settings->queue.batch.min_size, 5U);
  EXPECT_EQ(settings->queue.batch.max_size, 10U);
}

TEST(SenderSettings, RefusesABatchThatCannotWork) {
  EXPECT_THAT(read("sending_queue: {batch: {min_size: 5, max_size: 4}}").error().message,
              HasSubstr("greater than or equal to min_size"));
  EXPECT_THAT(read("sending_queue: {sizer: items, batch: {min_size: 5000}}").error().message,
              HasSubstr("less than or equal to queue_size"));
  EXPECT_THAT(read("sending_queue: {batch: {sizer: requests}}").error().message,
              HasSubstr("batch::sizer"));
  EXPECT_THAT(read("sending_queue: {batch: {flush_timeout: 0s}}").error().message,
              HasSubstr("flush_timeout"));
}

TEST(SenderSettings, BoundsOfRetriesThatAreOffDoNotMatter) {
  EXPECT_TRUE(read("retry_on_failure: {enabled: false, max_elapsed_time: 1s}"));
}

}  // namespace
}  // namespace kernspan
