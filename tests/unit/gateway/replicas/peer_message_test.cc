#include "gateway/replicas/peer_message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::replicas {
namespace {

using std::chrono::milliseconds;

TraceId id_of(std::uint8_t number) {
  TraceId id;
  id.bytes.fill(number);
  return id;
}

HandOffMessage example() {
  HandOffMessage message{.instance = 7, .sequence = 9, .group = "replicas", .channel = "sampling"};
  message.hand_off.hops = 2;
  message.hand_off.age = milliseconds(1500);
  message.hand_off.spans = *otlp::Batch::from_wire(otlp::reference_bytes(3));
  message.hand_off.ages = {{.trace_id = id_of(1), .age = milliseconds(2500)}};
  message.hand_off.decided = {
      {.trace_id = id_of(2), .verdict = 1, .policy = 3, .detail = 0xFFFF'FFFF'FFFF'FFFF}};
  return message;
}

std::string joined(const PeerBytes& bytes) {
  std::string text;
  for (const otlp::Slice& slice : bytes) text += slice.view();
  return text;
}

// Cut at every `step` bytes.
PeerBytes pieces(const std::string& text, std::size_t step) {
  PeerBytes cut;
  for (std::size_t i = 0; i < text.size(); i += step) {
    cut.emplace_back(std::string(text.substr(i, step)));
  }
  return cut;
}

TEST(PeerMessage, AHandOffComesAsItWentHoweverItIsCut) {
  const HandOffMessage sent = example();
  const std::string bytes = joined(encode(sent));
  for (const std::size_t step : {std::size_t{1}, std::size_t{3}, std::size_t{64}, bytes.size()}) {
    const auto came = decode_hand_off(pieces(bytes, step));
    ASSERT_TRUE(came) << came.error().message;
    EXPECT_EQ(came->instance, 7u);
    EXPECT_EQ(came->sequence, 9u);
    EXPECT_EQ(came->group, "replicas");
    EXPECT_EQ(came->channel, "sampling");
    EXPECT_EQ(came->hand_off.hops, 2u);
    EXPECT_EQ(came->hand_off.age, milliseconds(1500));
    EXPECT_EQ(came->hand_off.ages, sent.hand_off.ages);
    EXPECT_EQ(came->hand_off.decided, sent.hand_off.decided);
    EXPECT_EQ(came->hand_off.spans.item_count(), 3u);
    EXPECT_EQ(came->hand_off.spans.joined().view(), otlp::reference_bytes(3));
  }
}

TEST(PeerMessage, DecisionsGoWithoutSpans) {
  HandOffMessage sent = example();
  sent.hand_off.spans = {};
  const auto came = decode_hand_off(encode(sent));
  ASSERT_TRUE(came);
  EXPECT_TRUE(came->hand_off.spans.empty());
  EXPECT_EQ(came->hand_off.decided.size(), 1u);
}

// Only a cut between two spans' resources may go unnoticed, and there is only one.
TEST(PeerMessage, ATruncatedHandOffIsRefused) {
  const std::string bytes = joined(encode(example()));
  const std::size_t spans = otlp::reference_bytes(3).size();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    if (size == bytes.size() - spans) continue;  // a hand-off without spans
    EXPECT_FALSE(decode_hand_off(pieces(bytes.substr(0, size), 50))) << size;
  }
}

TEST(PeerMessage, RandomBytesDoNoHarm) {
  std::mt19937_64 random(1);
  const std::string bytes = joined(encode(example()));
  for (int i = 0; i < 20'000; ++i) {
    std::string changed = bytes;
    for (int k = 0; k < 3; ++k) changed[random() % changed.size()] = static_cast<char>(random());
    (void)decode_hand_off(pieces(changed, 1 + random() % 100));
    (void)decode_hello({otlp::Slice(changed.substr(random() % 50))});
    (void)decode_answer(changed);
  }
}

TEST(PeerMessage, AnAgeOfAMillenniumIsNotBelieved) {
  HandOffMessage sent = example();
  sent.hand_off.ages = {{.trace_id = id_of(1), .age = std::chrono::nanoseconds::max()}};
  const auto came = decode_hand_off(encode(sent));
  ASSERT_TRUE(came);
  EXPECT_LT(came->hand_off.ages.front().age, std::chrono::years(101));
}

TEST(PeerMessage, HelloAndAnswerComeAsTheyWent) {
  const Hello hello{.address = "10.0.0.1:4319",
                    .instance = 5,
                    .leaving = true,
                    .members = {"10.0.0.1:4319", "10.0.0.2:4319"},
                    .group = "replicas"};
  EXPECT_EQ(decode_hello({otlp::Slice(encode(hello))}), hello);
  EXPECT_FALSE(decode_hello({otlp::Slice(encode(Hello{}))}));  // from nobody
  const auto answer = decode_answer(
      encode(HandOffAnswer{.outcome = HandOffAnswer::Outcome::kNotNow, .message = "full"}));
  ASSERT_TRUE(answer);
  EXPECT_EQ(answer->outcome, HandOffAnswer::Outcome::kNotNow);
  EXPECT_EQ(answer->message, "full");
  EXPECT_FALSE(decode_answer(""));
}

}  // namespace
}  // namespace kernspan::replicas
