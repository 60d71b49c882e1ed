#include "pipeline/exporters/sender/splitting_transport.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using otlp::reference_bytes;
using Kind = SendOutcome::Kind;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::Le;

// Answers each request at once.
class AnsweringPeer final : public Transport {
 public:
  using Answer = std::function<SendOutcome(const otlp::Batch&)>;
  explicit AnsweringPeer(Answer answer) : answer_(std::move(answer)) {}

  Status start() override { return {}; }
  void send(const otlp::Batch& batch, std::chrono::nanoseconds, Done done) override {
    items.push_back(batch.item_count());
    bytes.push_back(batch.byte_count());
    done(answer_(batch));
  }
  void cancel_all() override {}
  void stop() override {}

  std::vector<std::size_t> items;
  std::vector<std::size_t> bytes;

 private:
  const Answer answer_;
};

struct Sent {
  SendOutcome outcome;
  std::vector<std::size_t> items;
  std::vector<std::size_t> bytes;
};

Sent send(std::size_t spans, RequestLimits limits, AnsweringPeer::Answer answer) {
  auto peer = std::make_unique<AnsweringPeer>(std::move(answer));
  AnsweringPeer& borrowed = *peer;
  SplittingTransport transport(std::move(peer), limits);
  const auto batch = otlp::Batch::from_wire(reference_bytes(spans));
  EXPECT_TRUE(batch);
  std::optional<SendOutcome> outcome;
  transport.send(*batch, std::chrono::seconds(1), [&](SendOutcome out) {
    EXPECT_FALSE(outcome) << "answered twice";
    outcome = std::move(out);
  });
  EXPECT_TRUE(outcome);
  return {std::move(*outcome), borrowed.items, borrowed.bytes};
}

SendOutcome take(const otlp::Batch&) {
  return {};
}

AnsweringPeer::Answer at_most(std::size_t spans) {
  return [spans](const otlp::Batch& batch) {
    return batch.item_count() > spans ? SendOutcome{.kind = Kind::kTooLarge, .message = "too big"}
                                      : SendOutcome{};
  };
}

TEST(SplittingTransport, WhatFitsGoesOutWhole) {
  const Sent sent = send(10, {.max_bytes = 1 << 20, .max_items = 10}, take);
  EXPECT_THAT(sent.items, ElementsAre(10));
  EXPECT_EQ(sent.outcome.kind, Kind::kSent);
  EXPECT_EQ(sent.outcome.rest, nullptr);
}

TEST(SplittingTransport, CutsBeforeSendingAtTheLimits) {
  EXPECT_THAT(send(10, {.max_items = 4}, take).items, ElementsAre(4, 4, 2));
  const Sent sent = send(100, {.max_bytes = 1000}, take);
  EXPECT_EQ(sent.outcome.kind, Kind::kSent);
  EXPECT_GT(sent.items.size(), 5U);
  EXPECT_THAT(sent.bytes, Each(Le(1000)));
  std::size_t all = 0;
  for (const std::size_t items : sent.items) all += items;
  EXPECT_EQ(all, 100U);
}

TEST(SplittingTransport, HalvesWhatThePeerRefusesForItsSize) {
  const Sent sent = send(10, {}, at_most(3));
  EXPECT_THAT(sent.items, ElementsAre(10, 5, 3, 2, 5, 3, 2));
  EXPECT_EQ(sent.outcome.kind, Kind::kSent);
  EXPECT_EQ(sent.outcome.too_large_items, 0U);
}

TEST(SplittingTransport, OneItemThatIsTooLargeIsCountedAndTheOthersGoOn) {
  bool refused = false;
  const Sent sent = send(4, {}, [&](const otlp::Batch& batch) {
    if (batch.item_count() > 1 || !std::exchange(refused, true)) {
      return SendOutcome{.kind = Kind::kTooLarge, .message = "too big"};
    }
    return SendOutcome{};
  });
  EXPECT_EQ(sent.outcome.kind, Kind::kSent);
  EXPECT_EQ(sent.outcome.too_large_items, 1U);
  EXPECT_EQ(sent.outcome.message, "too big");
}

TEST(SplittingTransport, PartialSuccessesAddUp) {
  const Sent sent = send(10, {.max_items = 5}, [](const otlp::Batch&) {
    return SendOutcome{.message = "old", .rejected_spans = 2};
  });
  EXPECT_EQ(sent.outcome.rejected_spans, 4U);
}

TEST(SplittingTransport, AFailureKeepsWhatWasNotSent) {
  for (const Kind kind : {Kind::kRetryable, Kind::kPermanent}) {
    int calls = 0;
    const Sent sent = send(10, {.max_items = 3}, [&](const otlp::Batch&) {
      if (++calls != 2) return SendOutcome{};
      return SendOutcome{.kind = kind, .message = "no", .asked_delay = std::chrono::seconds(7)};
    });
    EXPECT_EQ(sent.outcome.kind, kind);
    EXPECT_EQ(sent.outcome.asked_delay, std::chrono::seconds(7));
    ASSERT_NE(sent.outcome.rest, nullptr);
    EXPECT_EQ(sent.outcome.rest->item_count(), 7U);
    EXPECT_THAT(sent.items, ElementsAre(3, 3));
  }
}

TEST(SplittingTransport, AFailureOfTheFirstPartIsAFailureOfAll) {
  const Sent sent = send(10, {.max_items = 3}, [](const otlp::Batch&) {
    return SendOutcome{.kind = Kind::kRetryable, .message = "no"};
  });
  EXPECT_EQ(sent.outcome.kind, Kind::kRetryable);
  EXPECT_EQ(sent.outcome.rest, nullptr);
}

}  // namespace
}  // namespace kernspan
