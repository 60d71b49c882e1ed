#include "pipeline/extensions/file_storage/file_queue.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <random>
#include <ranges>
#include <set>
#include <thread>

#include "tests/unit/pipeline/extensions/file_storage/queue_fixture.h"

namespace kernspan::storage {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class FileQueueTest : public QueueFixture {};

TEST_F(FileQueueTest, GivesBackWhatItTookInOrder) {
  const auto queue = open();
  EXPECT_EQ(queue->recovered().records, 0U);
  EXPECT_TRUE(queue->append(batch_of("one", 3)));
  EXPECT_TRUE(queue->append(batch_of("two", 4)));
  const auto first = queue->next();
  ASSERT_TRUE(first && *first && (*first)->batch);
  EXPECT_EQ((*first)->item_count, 3U);
  EXPECT_EQ((*first)->batch->item_count(), 3U);
  EXPECT_EQ(text_of(*(*first)->batch), "one");
  EXPECT_THAT(read_all(*queue), ElementsAre("two"));
  EXPECT_THAT(read_all(*queue), IsEmpty());
}

TEST_F(FileQueueTest, WhatWasNotRemovedIsThereAgain) {
  {
    const auto queue = open();
    for (const char* text : {"one", "two", "three"}) {
      EXPECT_TRUE(queue->append(batch_of(text, 2)));
    }
    const auto first = queue->next();
    ASSERT_TRUE(first && *first);
    queue->remove((*first)->id);
    ASSERT_TRUE(queue->next());  // in flight, and never removed
  }
  const auto queue = open();
  EXPECT_EQ(queue->recovered().records, 2U);
  EXPECT_EQ(queue->recovered().items, 4U);
  EXPECT_EQ(queue->recovered().bytes, 8U);
  EXPECT_TRUE(queue->append(batch_of("four")));
  EXPECT_THAT(read_all(*queue), ElementsAre("two", "three", "four"));
}

TEST_F(FileQueueTest, KeepsSignalsAndEveryByte) {
  std::string bytes(300'000, '\0');
  std::mt19937 random(7);
  for (char& c : bytes) c = static_cast<char>(random());
  {
    const auto queue = open();
    otlp::Batch batch = otlp::Batch::from_encoder(bytes, 5, otlp::Signal::kMetrics);
    batch.append(otlp::Batch::from_encoder("tail", 1, otlp::Signal::kMetrics));
    EXPECT_TRUE(queue->append(batch));
  }
  const auto record = open()->next();
  ASSERT_TRUE(record && *record && (*record)->batch);
  EXPECT_EQ((*record)->batch->signal(), otlp::Signal::kMetrics);
  EXPECT_EQ((*record)->batch->item_count(), 6U);
  EXPECT_EQ(text_of(*(*record)->batch), bytes + "tail");
}

TEST_F(FileQueueTest, ManyCallersShareCommits) {
  constexpr int kCallers = 16;
  constexpr int kBatches = 20;
  const auto queue = open();
  std::vector<std::thread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int i = 0; i < kBatches; ++i) {
        EXPECT_TRUE(queue->append(batch_of(fmt::format("{}/{}", caller, i))));
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  const auto texts = read_all(*queue);
  EXPECT_EQ(std::set<std::string>(texts.begin(), texts.end()).size(), kCallers * kBatches);
  EXPECT_LT(metric("commits"), kCallers * kBatches);
}

TEST_F(FileQueueTest, OneAtATimeIsRefusedToTheSecond) {
  const auto first = open();
  const auto second = try_open(settings());
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("exporter_otlp_x.lock is locked by the process " +
                                                std::to_string(::getpid())));
  EXPECT_THAT(second.error().message, HasSubstr("give each its own"));
}

TEST_F(FileQueueTest, NothingIsTakenAfterClose) {
  const auto queue = open();
  EXPECT_TRUE(queue->append(batch_of("one")));
  queue->close();
  const Status refused = queue->append(batch_of("two"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kRetryable);
  queue->close();
  EXPECT_THAT(read_all(*open()), ElementsAre("one"));
}

TEST_F(FileQueueTest, AFullStorageRefusesRemovesAndRecovers) {
  FileQueueSettings small = settings();
  small.max_bytes = 16 << 20;
  const auto queue = open(small);
  const std::string large(256 << 10, 'x');
  Status last;
  std::size_t taken = 0;
  while (last && taken < 1000) {
    last = queue->append(batch_of(large));
    taken += last ? 1 : 0;
  }
  ASSERT_FALSE(last) << "16 MiB took 250 MiB";
  EXPECT_GT(taken, 16U);
  EXPECT_EQ(last.error().kind, ErrorKind::kRetryable);
  EXPECT_THAT(last.error().message, HasSubstr("max_size, 16 MiB, is reached"));
  EXPECT_LE(std::filesystem::file_size(path()), small.max_bytes);
  EXPECT_EQ(metric("refused_records"), 1);

  // All of it can be taken out and put in again, many times.
  for (int round = 0; round < 10; ++round) {
    EXPECT_EQ(read_all(*queue, true).size(), taken);
    taken = 0;
    for (int i = 0; i < 200 && taken < 16; ++i) taken += queue->append(batch_of(large)) ? 1 : 0;
    ASSERT_EQ(taken, 16U) << "round " << round;
  }
  EXPECT_LE(std::filesystem::file_size(path()), small.max_bytes);
}

TEST_F(FileQueueTest, ABatchThatCanNeverFitIsAPermanentError) {
  FileQueueSettings small = settings();
  small.max_bytes = 16 << 20;
  const Status refused = open(small)->append(batch_of(std::string(16 << 20, 'x')));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, ErrorKind::kPermanent);
}

TEST_F(FileQueueTest, CompactionGivesTheDiskBackAndKeepsWhatIsLeft) {
  FileQueueSettings compacting = settings();
  {
    const auto queue = open(compacting);
    for (int i = 0; i < 64; ++i) EXPECT_TRUE(queue->append(batch_of(std::string(1 << 20, 'x'))));
    EXPECT_TRUE(queue->append(batch_of("left")));
    for (int i = 0; i < 64; ++i) {
      const auto record = queue->next();
      ASSERT_TRUE(record && *record);
      queue->remove((*record)->id);
    }
  }
  ASSERT_GT(std::filesystem::file_size(path()), 64U << 20);
  compacting.compaction.on_start = true;
  const auto queue = open(compacting);
  EXPECT_LT(std::filesystem::file_size(path()), 8U << 20);
  EXPECT_EQ(metric("compactions"), 1);
  EXPECT_TRUE(queue->append(batch_of("new")));
  EXPECT_THAT(read_all(*queue), ElementsAre("left", "new"));
  EXPECT_THAT(other_files(), IsEmpty());
}

TEST_F(FileQueueTest, CompactionOnReboundGoesByItsThresholds) {
  FileQueueSettings compacting = settings();
  compacting.compaction.on_rebound = true;
  compacting.compaction.check_interval = 10ms;
  compacting.compaction.rebound_needed_threshold_bytes = 16 << 20;
  compacting.compaction.rebound_trigger_threshold_bytes = 1 << 20;
  TemporaryFolder elsewhere;
  compacting.compaction.directory = elsewhere.path();
  const auto queue = open(compacting);
  for (int i = 0; i < 32; ++i) EXPECT_TRUE(queue->append(batch_of(std::string(1 << 20, 'x'))));
  EXPECT_EQ(metric("compactions"), 0);
  EXPECT_EQ(read_all(*queue, true).size(), 32U);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (metric("compactions") == 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(metric("compactions"), 1);
  EXPECT_LT(std::filesystem::file_size(path()), 8U << 20);
  EXPECT_TRUE(queue->append(batch_of("new")));
  EXPECT_THAT(read_all(*queue), ElementsAre("new"));
}

TEST_F(FileQueueTest, ABacklogDoesNotNeedMemory) {
  const std::string large(1 << 20, 'x');
  const auto resident_kib = [] {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line)) {
      if (line.starts_with("VmRSS:")) return std::stol(line.substr(6));
    }
    return 0L;
  };
  FileQueueSettings unsynced = settings();
  unsynced.fsync = false;
  const auto queue = open(unsynced);
  const long before = resident_kib();
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(queue->append(batch_of(large)));
  for (int i = 0; i < 200; ++i) {
    const auto record = queue->next();
    ASSERT_TRUE(record && *record && (*record)->batch);
  }
  EXPECT_LT(resident_kib() - before, 64 << 10);
}

// Random operations against a model; each seed is a story of its own.
class FileQueueStory : public FileQueueTest, public ::testing::WithParamInterface<unsigned> {};

TEST_P(FileQueueStory, KeepsItsPromises) {
  std::mt19937 random(GetParam());
  FileQueueSettings story = settings();
  story.max_bytes = 16 << 20;
  story.fsync = false;
  auto queue = open(story);
  std::deque<std::string> unread;             // in order
  std::map<std::uint64_t, std::string> read;  // by id: given out, and not removed
  unsigned number = 0;
  for (int step = 0; step < 1500; ++step) {
    const auto what = random() % 100;
    if (what < 45) {
      const std::size_t size = random() % 4 == 0 ? random() % 400'000 : random() % 3000;
      const std::string text = fmt::format("{}:{}", number++, std::string(size, 'y'));
      const Status taken = queue->append(batch_of(text));
      if (taken) unread.push_back(text);
    } else if (what < 75) {
      const auto record = queue->next();
      ASSERT_TRUE(record);
      ASSERT_EQ(record->has_value(), !unread.empty()) << "step " << step;
      if (!*record) continue;
      ASSERT_TRUE((*record)->batch);
      ASSERT_EQ(text_of(*(*record)->batch), unread.front()) << "step " << step;
      read.emplace((*record)->id, unread.front());
      unread.pop_front();
    } else if (what < 98) {
      if (read.empty()) continue;
      auto chosen = read.begin();
      std::advance(chosen, random() % read.size());
      queue->remove(chosen->first);
      read.erase(chosen);
    } else {
      queue.reset();
      story.compaction.on_start = random() % 2 == 0;
      queue = open(story);
      // Given out and not removed comes again, before the rest.
      for (const auto& [id, text] : std::views::reverse(read)) unread.push_front(text);
      read.clear();
      ASSERT_EQ(queue->recovered().records, unread.size()) << "step " << step;
    }
  }
  queue.reset();
  ASSERT_TRUE(check_queue_file(path()));
}

INSTANTIATE_TEST_SUITE_P(Seeds, FileQueueStory, ::testing::Range(1U, 9U));

}  // namespace
}  // namespace kernspan::storage
