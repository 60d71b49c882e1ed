#include "gateway/replicas/parcel_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace kernspan::replicas {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr std::uint64_t kNow = 10'000'000'000;

QueuedParcel parcel(std::size_t bytes, const std::string& channel = "a", std::uint32_t hops = 0) {
  QueuedParcel made{.channel = channel, .queued_ns = kNow};
  made.hand_off.hops = hops;
  made.hand_off.spans = otlp::Batch::from_encoder(std::string(bytes, 'x'), 1);
  return made;
}

class ParcelQueueTest : public testing::Test {
 protected:
  std::optional<OutgoingMessage> take(std::uint64_t now = kNow) { return queue_.take(now, next_); }

  std::uint64_t next_ = 1;
  ParcelQueue queue_{{.max_bytes = 100, .max_message_bytes = 50, .max_in_flight = 2}};
};

TEST_F(ParcelQueueTest, HasRoomForItsBytesAndForOneThatIsLarger) {
  EXPECT_TRUE(queue_.has_room(1000));
  queue_.push(parcel(60));
  EXPECT_TRUE(queue_.has_room(40));
  EXPECT_FALSE(queue_.has_room(41));
}

TEST_F(ParcelQueueTest, SendsSmallParcelsTogetherUpToTheBound) {
  for (int i = 0; i < 4; ++i) queue_.push(parcel(20));
  const auto message = take();
  ASSERT_TRUE(message);
  EXPECT_EQ(message->parcels.size(), 2u);
  EXPECT_EQ(merge(*message, kNow).spans.item_count(), 2u);
  queue_.succeeded(*message);
  EXPECT_EQ(queue_.used_bytes(), 40u);
}

TEST_F(ParcelQueueTest, KeepsChannelsAndHopsApart) {
  queue_.push(parcel(1, "a"));
  queue_.push(parcel(1, "b"));
  queue_.push(parcel(1, "b", 1));
  EXPECT_EQ(take()->parcels.size(), 1u);
  EXPECT_EQ(take()->parcels.size(), 1u);
}

TEST_F(ParcelQueueTest, SendsAFewAtATime) {
  for (int i = 0; i < 3; ++i) queue_.push(parcel(50));
  const std::optional<OutgoingMessage> first = take();
  EXPECT_TRUE(take());
  EXPECT_FALSE(take());
  queue_.succeeded(*first);
  EXPECT_TRUE(take());
}

TEST_F(ParcelQueueTest, SendsAgainWithTheSameNumberBeforeWhatIsNewer) {
  queue_.push(parcel(50));
  queue_.push(parcel(50));
  auto first = take();
  const std::uint64_t number = first->sequence;
  queue_.failed(*std::move(first), kNow);
  EXPECT_FALSE(take());  // not at once
  EXPECT_EQ(queue_.used_bytes(), 100u);
  const auto again = take(kNow + 1'000'000'000);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->sequence, number);
}

TEST_F(ParcelQueueTest, AgesWhileItWaits) {
  QueuedParcel old = parcel(10);
  old.hand_off.age = seconds(3);
  old.hand_off.ages = {{.trace_id = {}, .age = seconds(5)}};
  queue_.push(std::move(old));
  auto message = take();
  const HandOff merged = merge(*message, kNow + 2'000'000'000);
  EXPECT_EQ(merged.age, seconds(5));
  EXPECT_EQ(merged.ages.front().age, seconds(7));
  const HandOff back = aged(std::move(message->parcels.front()), kNow + 1'000'000'000);
  EXPECT_EQ(back.age, seconds(4));
}

TEST_F(ParcelQueueTest, DrainsOneChannelOrAll) {
  queue_.push(parcel(10, "a"));
  queue_.push(parcel(10, "b"));
  queue_.push(parcel(10, "a"));
  auto sent = take();
  queue_.failed(*std::move(sent), kNow);
  EXPECT_EQ(queue_.drain("a").size(), 2u);
  EXPECT_EQ(queue_.used_bytes(), 10u);
  EXPECT_EQ(queue_.drain("").size(), 1u);
  EXPECT_TRUE(queue_.empty());
}

}  // namespace
}  // namespace kernspan::replicas
