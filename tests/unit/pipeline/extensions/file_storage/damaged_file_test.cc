// Files that the disk, a crash or somebody else has changed.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "pipeline/extensions/file_storage/queue_check.h"
#include "tests/unit/pipeline/extensions/file_storage/queue_fixture.h"

namespace kernspan::storage {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

constexpr std::size_t kPage = 4096;

class DamagedFileTest : public QueueFixture {
 protected:
  // Small and large records, some of which were removed, in a tree of more than one page.
  void store_many() {
    const auto queue = open();
    for (int i = 0; i < 150; ++i) {
      const std::size_t size = i % 3 == 0 ? 9000 : 40;
      texts_.push_back(fmt::format("{}:{}", i, std::string(size, 'z')));
      ASSERT_TRUE(queue->append(batch_of(texts_.back())));
    }
    for (int i = 0; i < 20; ++i) {
      const auto record = queue->next();
      ASSERT_TRUE(record && *record);
      queue->remove((*record)->id);
    }
  }

  // The file without the room that it keeps behind its last page.
  std::string used_part() const {
    const std::string bytes = read_file(path());
    std::size_t end = bytes.size();
    while (end > 2 * kPage && bytes[end - 1] == '\0') --end;
    return bytes.substr(0, (end + kPage - 1) / kPage * kPage);
  }

  // Nothing here is about power, and syncing 500 files takes its time.
  std::unique_ptr<FileQueue> open() {
    FileQueueSettings unsynced = settings();
    unsynced.fsync = false;
    return QueueFixture::open(unsynced);
  }

  // Opens the file and reads it to the end: all that comes out must have been put in.
  std::size_t whole_records() {
    const auto queue = open();
    if (queue == nullptr) return 0;
    std::size_t whole = 0;
    for (const std::string& text : read_all(*queue, true)) {
      if (text.empty()) continue;
      EXPECT_TRUE(std::ranges::find(texts_, text) != texts_.end()) << text.substr(0, 20);
      ++whole;
    }
    EXPECT_TRUE(queue->append(batch_of("after")));
    return whole;
  }

  void clean_up() {
    for (const std::string& name : other_files()) {
      std::filesystem::remove(folder_.path() + "/" + name);
    }
  }

  std::vector<std::string> texts_;
};

TEST_F(DamagedFileTest, AWholeFilePassesTheCheck) {
  store_many();
  const auto checked = check_queue_file(path());
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->contents.records, 130U);
  EXPECT_EQ(checked->last_id, 150U);
}

TEST_F(DamagedFileTest, AFileThatIsNoneOfOursIsKeptAndReplaced) {
  write_file(path(), "This is somebody's diary.");
  EXPECT_EQ(whole_records(), 0U);
  EXPECT_EQ(metric("corrupt_files"), 1);
  ASSERT_THAT(other_files(), ElementsAre(StartsWith("exporter_otlp_x.lmdb.corrupt-")));
  EXPECT_EQ(read_file(folder_.path() + "/" + other_files()[0]), "This is somebody's diary.");
}

TEST_F(DamagedFileTest, AnEmptyFileIsReplaced) {
  write_file(path(), "");
  EXPECT_EQ(whole_records(), 0U);
}

TEST_F(DamagedFileTest, ADamagedRecordIsCountedAndTheOthersAreNot) {
  store({"first " + std::string(50'000, 'a'), "second " + std::string(50'000, 'b'), "third"});
  std::string bytes = read_file(path());
  bytes[bytes.find("bbbbbb") + 1000] ^= 1;
  write_file(path(), bytes);
  const auto queue = open();
  const auto texts = read_all(*queue);
  ASSERT_THAT(texts, SizeIs(3));
  EXPECT_THAT(texts[0], StartsWith("first"));
  EXPECT_EQ(texts[1], "");
  EXPECT_EQ(texts[2], "third");
  EXPECT_EQ(metric("corrupt_records"), 1);
  EXPECT_EQ(metric("corrupt_files"), 0);
}

TEST_F(DamagedFileTest, ATruncatedFileGivesWhatIsLeft) {
  store_many();
  const std::string whole = used_part();
  std::size_t saved_most = 0;
  for (std::size_t pages = whole.size() / kPage; pages > 0;
       pages -= std::min<std::size_t>(pages, 7)) {
    write_file(path(), whole.substr(0, pages * kPage - 100));
    ASSERT_FALSE(check_queue_file(path()));
    saved_most = std::max(saved_most, whole_records());
    clean_up();
  }
  EXPECT_GT(saved_most, 100U);
}

TEST_F(DamagedFileTest, ALostPageCostsItsRecordsOnly) {
  store_many();
  const std::string whole = used_part();
  for (std::size_t page = 0; page < whole.size() / kPage; ++page) {
    std::string bytes = whole;
    bytes.replace(page * kPage, kPage, kPage, '\0');
    write_file(path(), bytes);
    // A leaf page of this tree has at most all of the small records and the places of large ones.
    if (page < 2) {
      EXPECT_GE(whole_records(), 130U) << "page " << page;
    } else {
      whole_records();
    }
    clean_up();
  }
}

// Every byte of the metas and of tree pages, one bit at a time; LMDB must never see a structure that
// it would believe and that is wrong.
TEST_F(DamagedFileTest, AFlippedBitIsFoundOrHarmless) {
  store_many();
  const std::string whole = used_part();
  std::mt19937 random(20261121);
  std::set<std::size_t> places;
  for (std::size_t i = 0; i < 160; ++i) places.insert(i);          // meta 0
  for (std::size_t i = 0; i < 160; ++i) places.insert(kPage + i);  // meta 1
  while (places.size() < 500) places.insert(random() % whole.size());
  for (const std::size_t place : places) {
    std::string bytes = whole;
    bytes[place] = static_cast<char>(bytes[place] ^ (1 << random() % 8));
    write_file(path(), bytes);
    const std::size_t saved = whole_records();
    EXPECT_GE(saved, 60U) << "byte " << place;
    clean_up();
  }
}

TEST_F(DamagedFileTest, AnUnfinishedRepairLosesNothing) {
  store_many();
  std::string bytes = used_part();
  bytes[0] ^= 1;  // the number of the first meta page
  write_file(path(), bytes);
  // What a crash in the middle leaves behind.
  write_file(path() + ".salvage", "half");
  EXPECT_GE(whole_records(), 130U);
}

}  // namespace
}  // namespace kernspan::storage
