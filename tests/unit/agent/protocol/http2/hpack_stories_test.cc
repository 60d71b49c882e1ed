// Every story of every encoder, whole, split and joined in the middle.
#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

#include "agent/protocol/http2/direction_reader.h"
#include "tests/unit/agent/protocol/http2/hpack_stories.h"
#include "tests/unit/agent/protocol/http2/item_writer.h"
#include "tests/unit/agent/protocol/http2/wire.h"

namespace kernspan::http2 {
namespace {

constexpr std::uint32_t kStream = 1;

struct Tally {
  std::size_t fields = 0;
  std::size_t known = 0;  // name and value
  std::size_t blocks = 0;
  std::size_t exact_blocks = 0;
};

// Compares each block with what the story says it holds.
class StoryCheck final : public DirectionSink {
 public:
  // The block that comes next.
  void expect(const StoryBlock& block) {
    expected_ = &block;
    came_ = false;
  }
  bool came() const { return came_; }
  bool last_was_exact() const { return exact_; }
  const std::string& wrong() const { return wrong_; }
  const Tally& tally() const { return tally_; }

  void on_headers(std::uint32_t stream, std::int32_t, const HeaderBlock& block,
                  bool end_stream) override {
    came_ = true;
    if (stream != kStream || end_stream) fail("not the stream that was sent");
    if (block.incomplete) return fail("incomplete");
    if (block.fields.size() != expected_->headers.size()) {
      return fail(std::to_string(block.fields.size()) + " fields");
    }
    ++tally_.blocks;
    exact_ = !block.has_unknown;
    for (std::size_t i = 0; i < block.fields.size(); ++i) compare(block.fields[i], i);
    if (exact_) ++tally_.exact_blocks;
    if (exact_ == block.has_unknown) fail("has_unknown is wrong");
  }
  void on_message(const ks_http2_message&, std::int32_t) override { fail("a message"); }
  void on_data(const ks_http2_data&, std::int32_t) override { fail("data"); }
  void on_reset(std::uint32_t, std::uint32_t) override { fail("a reset"); }
  void on_goaway(std::uint32_t, std::uint32_t) override { fail("a goaway"); }
  void on_header_table_size(std::uint32_t) override { fail("a setting"); }
  void on_lost() override {}

 private:
  void compare(const Field& field, std::size_t index) {
    const auto& [name, value] = expected_->headers[index];
    ++tally_.fields;
    if (field.name && field.value) {
      ++tally_.known;
    } else {
      exact_ = false;
    }
    if ((field.name && *field.name != name) || (field.value && *field.value != value)) {
      fail("wrong: " + std::string(field.name.value_or("?")) + ": " +
           std::string(field.value.value_or("?")) + ", not " + name + ": " + value);
    }
  }
  void fail(const std::string& what) {
    if (wrong_.empty()) wrong_ = what;
  }

  const StoryBlock* expected_ = nullptr;
  bool came_ = false;
  bool exact_ = false;
  Tally tally_;
  std::string wrong_;
};

// A reader, and the transfers and records that it is fed.
class Replay {
 public:
  explicit Replay(DirectionLimits limits = {}) : reader(limits) {}

  void place(const std::string& item) { reader.feed(ordinal_++, item, check); }

  // Sends one block, in transfers that end at each of the positions (of the frames' bytes).
  void send(const StoryBlock& block, std::string_view frames, std::size_t transfer_bytes,
            std::size_t first_bytes) {
    if (block.header_table_size) reader.limit_header_table(*block.header_table_size);
    check.expect(block);
    std::size_t bytes = first_bytes;
    while (!frames.empty()) {
      const std::string_view part = frames.substr(0, bytes);
      frames.remove_prefix(part.size());
      const std::string items = walker_.transfer(part);
      if (!items.empty()) reader.feed(ordinal_++, items, check);
      bytes = transfer_bytes;
    }
  }
  void send(const StoryBlock& block) {
    send(block, headers_frames(kStream, block.wire), SIZE_MAX, SIZE_MAX);
  }

  // Empty if every block came, and nothing was wrong.
  std::string verdict() const {
    const DirectionCounters& counters = reader.counters();
    if (!check.wrong().empty()) return check.wrong();
    if (!check.came()) return "no block came";
    if (counters.protocol_errors + counters.malformed_items + counters.compression_errors +
            counters.blocks_cut + counters.blocks_over_limit !=
        0) {
      return "something was refused";
    }
    return {};
  }

  DirectionReader reader;
  StoryCheck check;

 private:
  FrameItems walker_;
  std::uint32_t ordinal_ = 0;
};

class HpackStories : public testing::Test {
 protected:
  void SetUp() override {
    const std::filesystem::path folder = hpack_stories_folder();
    if (!std::filesystem::is_directory(folder)) {
      GTEST_SKIP() << "the HPACK stories are not there: " << folder.string();
    }
    stories_ = load_hpack_stories(folder);
    ASSERT_GE(stories_.size(), 100U);
  }

  std::vector<Story> stories_;
};

TEST_F(HpackStories, DecodeExactly) {
  std::size_t blocks = 0;
  std::size_t changes = 0;
  for (const Story& story : stories_) {
    SCOPED_TRACE(story.name);
    Replay replay;
    replay.place(start_item());
    for (const StoryBlock& block : story.blocks) {
      replay.send(block);
      ASSERT_EQ(replay.verdict(), "");
      ASSERT_TRUE(replay.check.last_was_exact());
      changes += block.header_table_size ? 1 : 0;
    }
    EXPECT_EQ(replay.reader.counters().blocks, story.blocks.size());
    EXPECT_EQ(replay.reader.counters().lost, 0U);
    blocks += story.blocks.size();
  }
  std::cout << stories_.size() << " stories, " << blocks << " blocks, " << changes
            << " table sizes set\n";
  EXPECT_GT(blocks, 10000U);
}

// Transfers end at one place of each block's frames, and again every kApartBytes: after all runs they
// have ended at every byte.
TEST_F(HpackStories, DecodeExactlySplitAtEveryByte) {
  constexpr std::size_t kApartBytes = 64;
  for (const Story& story : stories_) {
    SCOPED_TRACE(story.name);
    for (std::size_t cut = 1; cut <= kApartBytes; ++cut) {
      Replay replay;
      replay.place(start_item());
      for (const StoryBlock& block : story.blocks) {
        replay.send(block, headers_frames(kStream, block.wire), kApartBytes, cut);
      }
      ASSERT_EQ(replay.verdict(), "") << "cut at " << cut;
      ASSERT_EQ(replay.check.tally().exact_blocks, story.blocks.size());
    }
  }
}

TEST_F(HpackStories, DecodeExactlyByteByByteAndInContinuations) {
  for (const Story& story : stories_) {
    SCOPED_TRACE(story.name);
    for (const std::size_t fragment_bytes : {SIZE_MAX, 1UZ, 7UZ}) {
      for (const std::size_t transfer_bytes : {SIZE_MAX, 1UZ, 10UZ}) {
        Replay replay;
        replay.place(start_item());
        for (const StoryBlock& block : story.blocks) {
          replay.send(block, headers_frames(kStream, block.wire, fragment_bytes), transfer_bytes,
                      transfer_bytes);
        }
        ASSERT_EQ(replay.verdict(), "");
        ASSERT_EQ(replay.check.tally().exact_blocks, story.blocks.size());
      }
    }
  }
}

// The reader joins before the block `from`.
Tally join(const Story& story, std::size_t from, DirectionLimits limits = {}) {
  Replay replay(limits);
  replay.place(joined_item());
  for (std::size_t i = from; i < story.blocks.size(); ++i) {
    replay.send(story.blocks[i]);
    EXPECT_EQ(replay.verdict(), "") << story.name << " joined at " << from << ", block " << i;
    if (testing::Test::HasFailure()) break;
  }
  return replay.check.tally();
}

TEST_F(HpackStories, NothingIsWrongWhereverTheReaderJoins) {
  Tally all;
  for (const Story& story : stories_) {
    for (std::size_t from = 0; from < story.blocks.size(); ++from) {
      const Tally tally = join(story, from);
      all.fields += tally.fields;
      all.known += tally.known;
      all.blocks += tally.blocks;
      all.exact_blocks += tally.exact_blocks;
      if (HasFailure()) return;
    }
  }
  std::cout << "joined: " << all.known << " of " << all.fields << " fields known, "
            << all.exact_blocks << " of " << all.blocks << " blocks exact\n";
  // What is unknown is learned again: most of what follows a join is exact.
  EXPECT_GT(all.known * 100, all.fields * 90);
  EXPECT_LT(all.known, all.fields);
  EXPECT_GT(all.exact_blocks * 100, all.blocks * 50);
}

// The entries of the encoder are more than those that are held.
TEST_F(HpackStories, NothingIsWrongWhereTheTableIsTooSmall) {
  Tally all;
  for (const Story& story : stories_) {
    for (const std::size_t table_bytes : {0UZ, 100UZ, 500UZ, 2000UZ}) {
      for (std::size_t from = 0; from < story.blocks.size(); from += 25) {
        const Tally tally = join(story, from, {.table_bytes_max = table_bytes});
        all.fields += tally.fields;
        all.known += tally.known;
        if (HasFailure()) return;
      }
    }
  }
  EXPECT_GT(all.known * 2, all.fields);
  EXPECT_LT(all.known, all.fields);
}

// Every n-th block is lost on the way.
TEST_F(HpackStories, NothingIsWrongBetweenLosses) {
  for (const Story& story : stories_) {
    for (const std::size_t every : {2UZ, 3UZ, 7UZ}) {
      DirectionReader reader;
      StoryCheck check;
      reader.feed(0, start_item(), check);
      for (std::uint32_t i = 0; i < story.blocks.size(); ++i) {
        if (i % every == every - 1) continue;
        check.expect(story.blocks[i]);
        reader.feed(i + 1, FrameItems().transfer(headers_frames(kStream, story.blocks[i].wire)),
                    check);
        ASSERT_EQ(check.wrong(), "") << story.name << " block " << i;
        ASSERT_TRUE(check.came());
      }
      EXPECT_EQ(reader.counters().compression_errors, 0U);
    }
  }
}

}  // namespace
}  // namespace kernspan::http2
