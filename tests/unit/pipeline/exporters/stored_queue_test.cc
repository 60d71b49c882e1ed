// QueuedSender with its queue on disk: the real file_storage, in a folder of its own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <thread>
#include <vector>

#include "pipeline/exporters/sender/queued_sender.h"
#include "pipeline/extensions/file_storage/file_storage.h"
#include "tests/unit/pipeline/component_stage.h"
#include "tests/unit/pipeline/exporters/fake_peer.h"
#include "tests/unit/pipeline/extensions/file_storage/queue_fixture.h"

namespace kernspan {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// One run of a program: storage and exporter, over a folder that outlives it.
struct Session {
  Session(const std::string& folder, SenderSettings settings, const std::string& keys = "") {
    auto made = file_storage_extension_factory().create(
        ComponentStage::yaml("{directory: " + folder + keys + "}"), storage_stage.context());
    EXPECT_TRUE(made) << made.error().message;
    storage = *std::move(made);
    EXPECT_TRUE(storage->start());
    stage.extensions.add("disk", *storage);
    settings.queue.storage = "disk";
    settings.retry.initial_interval = 1ms;
    settings.retry.max_interval = 1ms;
    auto fake = std::make_unique<FakePeer>();
    peer = fake.get();
    sender = std::make_unique<QueuedSender>(stage.context(), settings, std::move(fake));
  }

  void start() {
    const Status started = sender->start();
    ASSERT_TRUE(started) << started.error().message;
  }
  Status send(std::size_t items) {
    return sender->consume(otlp::Batch::from_encoder(std::string(10 * items, 'x'), items));
  }
  void stop(std::chrono::milliseconds patience = kPatience) {
    sender->stop(std::chrono::steady_clock::now() + patience);
    const StageBalance balance = stage.books.balance();
    EXPECT_TRUE(balance.balances()) << stage.ledger.summary();
  }
  // Every attempt succeeds from now on, the first one too, which has begun.
  void answer_all() {
    ASSERT_TRUE(peer->wait_for_attempts(1));
    peer->answer_by_itself({SendOutcome{}});
    peer->answer({});
  }
  double metric(const std::string& name) { return stage.metric(name, {{"exporter", "otlp/x"}}); }
  StageBalance books() { return stage.books.balance(); }

  ComponentStage storage_stage{"disk"};
  ComponentStage stage{"otlp/x"};
  std::unique_ptr<Extension> storage;
  FakePeer* peer = nullptr;
  std::unique_ptr<QueuedSender> sender;
};

class StoredQueueTest : public ::testing::Test {
 protected:
  // What a process that was killed leaves: batches on disk, some of them in flight.
  void leave(const std::vector<std::size_t>& batches) {
    Session run(folder_.path(), one_at_a_time());
    run.start();
    for (const std::size_t items : batches) ASSERT_TRUE(run.send(items));
    ASSERT_TRUE(run.peer->wait_for_attempts(1));
    run.stop(0ms);
  }
  static SenderSettings one_at_a_time() { return {.queue = {.num_consumers = 1}}; }

  storage::TemporaryFolder folder_;
};

TEST_F(StoredQueueTest, SendsInOrderAndForgets) {
  Session run(folder_.path(), one_at_a_time());
  run.start();
  run.peer->answer_by_itself({SendOutcome{}});
  for (std::size_t items = 1; items <= 20; ++items) EXPECT_TRUE(run.send(items));
  ASSERT_TRUE(run.peer->wait_for_attempts(20));
  run.stop();
  for (std::size_t i = 0; i < 20; ++i) EXPECT_EQ(run.peer->sent()[i], i + 1);
  EXPECT_EQ(run.books().passed_on, 210U);
  EXPECT_EQ(run.books().held, 0U);
  Session next(folder_.path(), {});
  next.start();
  EXPECT_EQ(next.books().recovered, 0U);
}

TEST_F(StoredQueueTest, StopKeepsWhatIsNotSentAndTheNextStartSendsItFirst) {
  leave({1, 2, 3});
  Session run(folder_.path(), one_at_a_time());
  run.start();
  EXPECT_EQ(run.books().recovered, 6U);
  EXPECT_EQ(run.metric("otelcol_exporter_queue_size"), 3);
  EXPECT_TRUE(run.send(4));
  run.answer_all();
  ASSERT_TRUE(run.peer->wait_for_attempts(4));
  run.stop();
  EXPECT_THAT(run.peer->sent(), ElementsAre(1U, 2U, 3U, 4U));
  EXPECT_EQ(run.books().taken, 4U);
  EXPECT_EQ(run.books().passed_on, 10U);
  EXPECT_EQ(run.metric("otelcol_exporter_queue_size"), 0);
}

TEST_F(StoredQueueTest, NothingIsDroppedByAStop) {
  Session run(folder_.path(), {.queue = {.num_consumers = 2}});
  run.start();
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(run.send(2));
  ASSERT_TRUE(run.peer->wait_for_attempts(2));
  run.stop(1ms);
  EXPECT_TRUE(run.peer->cancelled());
  EXPECT_EQ(run.books().held, 10U);
  EXPECT_EQ(run.books().dropped_total(), 0U);
  EXPECT_FALSE(run.send(1)) << "nothing is taken after stop()";
}

TEST_F(StoredQueueTest, StopLetsAttemptsInFlightFinish) {
  Session run(folder_.path(), {.queue = {.num_consumers = 1, .queue_size = 1'000'000}});
  run.start();
  EXPECT_TRUE(run.send(1));
  EXPECT_TRUE(run.send(2));
  ASSERT_TRUE(run.peer->wait_for_attempts(1));
  std::thread stopping([&] { run.stop(); });
  std::size_t more = 0;
  while (run.send(1)) ++more;  // until stop() has begun
  run.peer->answer({});
  stopping.join();
  EXPECT_EQ(run.books().passed_on, 1U);
  EXPECT_EQ(run.books().held, 2U + more);
}

TEST_F(StoredQueueTest, WhatHasFailedForGoodIsGone) {
  {
    Session run(folder_.path(), {});
    run.start();
    run.peer->answer_by_itself({failure(SendOutcome::Kind::kPermanent)});
    EXPECT_TRUE(run.send(3));
    ASSERT_TRUE(run.peer->wait_for_attempts(1));
    run.stop();
    EXPECT_EQ(run.books().dropped.at("permanent_error"), 3U);
  }
  Session next(folder_.path(), {});
  next.start();
  EXPECT_EQ(next.books().recovered, 0U);
}

TEST_F(StoredQueueTest, TheSizeOfTheQueueCountsWhatIsOnDisk) {
  leave({5, 5});
  Session run(folder_.path(),
              {.queue = {.num_consumers = 1, .queue_size = 12, .sizer = QueueSizer::kItems}});
  run.start();
  EXPECT_EQ(run.metric("otelcol_exporter_queue_size"), 10);
  EXPECT_TRUE(run.send(2));
  const Status refused = run.send(1);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, HasSubstr("sending queue is full"));
  run.peer->answer({});
  ASSERT_TRUE(run.peer->wait_for_attempts(2));
  EXPECT_TRUE(run.send(1));
  run.stop(0ms);
}

TEST_F(StoredQueueTest, AFullDiskIsTheCallersToWaitFor) {
  Session run(folder_.path(), {.queue = {.num_consumers = 1, .queue_size = 1000}},
              ", max_size: 16MiB");
  run.start();
  Status last;
  std::size_t taken = 0;
  while (last && taken < 100) {
    last = run.send(100'000);
    taken += last ? 1 : 0;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().kind, ErrorKind::kRetryable);
  EXPECT_EQ(run.books().refused, 100'000U);
  run.answer_all();
  ASSERT_TRUE(run.peer->wait_for_attempts(taken));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  while (!(last = run.send(100'000)) && std::chrono::steady_clock::now() < deadline) continue;
  EXPECT_TRUE(last);
  run.stop();
}

TEST_F(StoredQueueTest, ADamagedRecordIsDroppedAndCounted) {
  leave({1, 700, 3});
  const std::string path = folder_.path() + "/test_otlp_x.lmdb";
  std::string bytes = storage::read_file(path);
  const std::size_t place = bytes.find(std::string(6000, 'x'));
  ASSERT_NE(place, std::string::npos);
  bytes[place + 3000] ^= 4;
  storage::write_file(path, bytes);
  Session run(folder_.path(), one_at_a_time());
  run.start();
  EXPECT_EQ(run.books().recovered, 704U);
  run.answer_all();
  ASSERT_TRUE(run.peer->wait_for_attempts(2));
  run.stop();
  EXPECT_THAT(run.peer->sent(), ElementsAre(1U, 3U));
  EXPECT_EQ(run.books().dropped.at("corrupt_record"), 700U);
}

TEST_F(StoredQueueTest, JoinedBatchesKeepTheirRecordsUntilTheyEnd) {
  SenderSettings joining = one_at_a_time();
  joining.queue.batch = {.enabled = true, .flush_timeout = 1h, .min_size = 6};
  {
    Session run(folder_.path(), joining);
    run.start();
    for (const std::size_t items : {1U, 2U, 3U, 4U}) EXPECT_TRUE(run.send(items));
    ASSERT_TRUE(run.peer->wait_for_attempts(1));
    EXPECT_THAT(run.peer->sent(), ElementsAre(6U));
    run.stop(0ms);
    EXPECT_EQ(run.books().held, 10U);
  }
  Session run(folder_.path(), one_at_a_time());
  run.start();
  EXPECT_EQ(run.books().recovered, 10U);
  run.answer_all();
  ASSERT_TRUE(run.peer->wait_for_attempts(4));
  run.stop();
}

TEST_F(StoredQueueTest, ManyCallersLoseNothing) {
  Session run(folder_.path(),
              {.queue = {.num_consumers = 4, .queue_size = 8, .block_on_overflow = true}});
  run.start();
  const auto retry = failure(SendOutcome::Kind::kRetryable);
  run.peer->answer_by_itself({retry, SendOutcome{}, retry, retry, SendOutcome{}});
  std::vector<std::thread> callers;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int n = 0; n < 50; ++n) EXPECT_TRUE(run.send(1));
    });
  }
  for (std::thread& caller : callers) caller.join();
  run.stop();
  EXPECT_EQ(run.books().passed_on + run.books().held, 200U);
  EXPECT_EQ(run.books().taken, 200U);
}

TEST(StoredQueue, NeedsItsStorageToBeThere) {
  ComponentStage stage("otlp/x");
  SenderSettings settings;
  settings.queue.storage = "file_storage";
  const auto made = QueuedSender::create(stage.context(), settings, std::make_unique<FakePeer>());
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("no storage client extension found"));
  EXPECT_THAT(made.error().message, HasSubstr("service::extensions"));
}

}  // namespace
}  // namespace kernspan
