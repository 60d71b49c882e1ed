// The dynamic table: exact, unknown, and in between.
#include "tests/unit/agent/protocol/http2/reader_fixture.h"

namespace kernspan::http2 {
namespace {

using ::testing::ElementsAre;

const std::string kIndex211 = "\xff\x54";  // the entry of the 150th insertion from the last

class HeaderTable : public ReaderTest {};

TEST_F(HeaderTable, IsExactFromTheStart) {
  start();
  EXPECT_THAT(send_block(insert("x", "1") + insert("y", "2")), ElementsAre("headers 1 x=1 y=2"));
  EXPECT_THAT(send_block(indexed(62) + indexed(63)), ElementsAre("headers 1 y=2 x=1"));
}

TEST_F(HeaderTable, AnIndexThatNobodyInsertedIsAnError) {
  start();
  EXPECT_THAT(send_block(insert("x", "1") + indexed(63)), ElementsAre("headers 1 incomplete"));
  EXPECT_EQ(counters().compression_errors, 1U);
  // From here on the table is unknown, and blocks are read as after a loss.
  EXPECT_THAT(send_block(insert("y", "2") + indexed(62) + indexed(63)),
              ElementsAre("headers 1 y=2 y=2 ?=?"));
  EXPECT_EQ(counters().compression_errors, 1U);
  EXPECT_EQ(counters().blocks_with_unknown, 1U);
}

TEST_F(HeaderTable, AfterJoiningWhatIsInsertedIsCertain) {
  feed(joined_item());
  EXPECT_THAT(send_block(indexed(2) + indexed(62) + literal("a", "b")),
              ElementsAre("headers 1 :method=GET ?=? a=b"));
  EXPECT_THAT(send_block(insert("x", "1") + indexed(62) + indexed(63)),
              ElementsAre("headers 1 x=1 x=1 ?=?"));
  EXPECT_THAT(send_block(insert("y", "2") + indexed(63) + indexed(62)),
              ElementsAre("headers 1 y=2 x=1 y=2"));
}

TEST_F(HeaderTable, ANameThatIsUnknownStaysUnknown) {
  feed(joined_item());
  // With and without indexing, and with an index of more than one byte.
  EXPECT_THAT(send_block(insert_named(62, "v")), ElementsAre("headers 1 ?=v"));
  EXPECT_THAT(send_block(indexed(62) + insert_named(62, "w")), ElementsAre("headers 1 ?=v ?=w"));
  EXPECT_THAT(send_block(std::string("\x0f\x41", 2) + hpack_string("z") + indexed(62)),
              ElementsAre("headers 1 ?=z ?=w"));
  EXPECT_THAT(send_block(std::string("\x7f\x41", 2) + hpack_string("q") + indexed(62)),
              ElementsAre("headers 1 ?=q ?=q"));
  EXPECT_EQ(counters().compression_errors, 0U);
}

TEST_F(HeaderTable, AnEmptiedTableIsExactAgain) {
  feed(joined_item());
  EXPECT_THAT(send_block(size_update(0) + size_update(4096) + insert("x", "1") + indexed(62)),
              ElementsAre("headers 1 x=1 x=1"));
  EXPECT_THAT(send_block(indexed(63)), ElementsAre("headers 1 incomplete"));
  EXPECT_EQ(counters().compression_errors, 1U);
}

TEST_F(HeaderTable, IsExactAgainWhenAllThatIsUnknownMustHaveGone) {
  feed(joined_item());
  // 100 bytes: two entries of 34 bytes, not three.
  EXPECT_THAT(send_block(size_update(100) + insert("a", "1") + indexed(64)),
              ElementsAre("headers 1 a=1 ?=?"));
  EXPECT_THAT(send_block(insert("b", "2") + insert("c", "3")), ElementsAre("headers 1 b=2 c=3"));
  EXPECT_THAT(send_block(indexed(62) + indexed(63)), ElementsAre("headers 1 c=3 b=2"));
  EXPECT_THAT(send_block(indexed(64)), ElementsAre("headers 1 incomplete"));
  EXPECT_EQ(counters().compression_errors, 1U);
}

TEST_F(HeaderTable, AnUpdateThatEvictsWhatWasSeenMakesItExact) {
  feed(joined_item());
  send_block(insert("a", "1") + insert("b", "2") + insert("c", "3"));
  EXPECT_THAT(send_block(indexed(65)), ElementsAre("headers 1 ?=?"));
  EXPECT_THAT(send_block(size_update(102) + indexed(65)), ElementsAre("headers 1 ?=?"));
  EXPECT_THAT(send_block(size_update(101) + indexed(63)), ElementsAre("headers 1 b=2"));
  EXPECT_THAT(send_block(indexed(64)), ElementsAre("headers 1 incomplete"));
}

// The encoder holds fewer entries than the reader, drops one that is too large for it, and goes on.
TEST_F(HeaderTable, AnEntryTooLargeForTheEncoderDoesNotShiftTheOthers) {
  feed(joined_item());
  const std::string large(100, 'l');
  send_block(insert("before", "0") + insert("large", large));
  EXPECT_THAT(send_block(insert("a", "1") + insert("b", "2") + indexed(62) + indexed(63)),
              ElementsAre("headers 1 a=1 b=2 b=2 a=1"));
}

TEST_F(HeaderTable, GrowsToWhatTheEncoderTurnsOutToHold) {
  feed(joined_item());
  // 200 entries of 40 bytes: more than the 4096 that a table has unless it is said.
  const auto fill = [&](char first) {
    for (int i = 0; i < 200; ++i) {
      send_block(insert("k", std::string(1, first) + std::to_string(1000 + i) + "xx"));
    }
  };
  fill('a');
  EXPECT_THAT(send_block(kIndex211), ElementsAre("headers 1 ?=?"));
  fill('b');
  EXPECT_THAT(send_block(kIndex211), ElementsAre("headers 1 k=b1050xx"));
  EXPECT_EQ(counters().compression_errors, 0U);
}

TEST_F(HeaderTable, SettingsThatAllowMoreAreBelievedAfterALoss) {
  reader_->limit_header_table(16384);
  feed(joined_item());
  for (int i = 0; i < 200; ++i) send_block(insert("k", "a" + std::to_string(1000 + i) + "xx"));
  EXPECT_THAT(send_block(kIndex211), ElementsAre("headers 1 k=a1050xx"));
}

TEST_F(HeaderTable, SettingsDoNotChangeTheTableBeforeTheEncoderDoes) {
  start();
  send_block(insert("x", "1"));
  reader_->limit_header_table(0);
  EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 x=1"));
  EXPECT_THAT(send_block(size_update(0) + insert("y", "2")), ElementsAre("headers 1 y=2"));
  EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 incomplete"));
}

TEST_F(HeaderTable, FollowsSizeUpdatesUpAndDown) {
  reader_->limit_header_table(8192);
  start();
  send_block(size_update(8192));
  for (int i = 0; i < 200; ++i) send_block(insert("k", "a" + std::to_string(1000 + i) + "xx"));
  EXPECT_THAT(send_block(kIndex211), ElementsAre("headers 1 k=a1050xx"));
  EXPECT_THAT(send_block(size_update(100) + indexed(63)), ElementsAre("headers 1 k=a1198xx"));
  EXPECT_THAT(send_block(indexed(64)), ElementsAre("headers 1 incomplete"));
}

TEST_F(HeaderTable, HoldsNoMoreThanTheLimit) {
  limit({.table_bytes_max = 100});
  start();
  send_block(insert("a", "1") + insert("b", "2") + insert("c", "3"));
  // The encoder has all three.
  EXPECT_THAT(send_block(indexed(62) + indexed(63) + indexed(64)),
              ElementsAre("headers 1 c=3 b=2 ?=?"));
  EXPECT_THAT(send_block(size_update(1U << 30) + indexed(62) + indexed(64)),
              ElementsAre("headers 1 c=3 ?=?"));
  EXPECT_EQ(counters().compression_errors, 0U);
}

TEST_F(HeaderTable, ALossForgetsIt) {
  start();
  send_block(insert("x", "1"));
  lose_records(1);
  EXPECT_THAT(send_block(indexed(62)), ElementsAre("lost", "headers 1 ?=?"));
  send_block(insert("y", "2"));
  feed(joined_item());
  EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 ?=?"));
}

TEST_F(HeaderTable, ACutBlockIsReadUpToTheCutAndForgetsIt) {
  start();
  send_block(insert("x", "1"));
  const std::string frame = headers_frames(3, indexed(62) + insert("y", "2") + literal("z", "3"));
  EXPECT_THAT(feed(item(KS_HTTP2_FRAME, frame.substr(0, frame.size() - 2), 0, KS_HTTP2_CUT)),
              ElementsAre("headers 3 x=1 y=2 incomplete"));
  EXPECT_EQ(counters().blocks_cut, 1U);
  EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 ?=?"));
}

TEST_F(HeaderTable, PushPromisesTakePartInIt) {
  start();
  EXPECT_THAT(send(frame_bytes(FrameType::kPushPromise, kFlagEndHeaders | kFlagPadded, 1,
                               "\x02" + big_endian(2, 4) + insert("x", "1") + "pp")),
              ElementsAre());
  EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 x=1"));
  EXPECT_EQ(counters().blocks, 2U);
}

TEST_F(HeaderTable, RefusesWhatIsNotHpack) {
  const std::string wrong[] = {
      indexed(0),                                  // no such field
      indexed(2) + size_update(100),               // an update behind a field
      std::string("\x40\x01"),                     // ends in a name
      literal("a", "bcd").substr(0, 5),            // ends in a value
      "\xff\xff\xff\xff\xff\x0f",                  // an index of more than 32 bits
      "\xff\x80\x80\x80\x80\x80\x00",              // zeros without end
      std::string("\x00\x81\xff\x01x", 5),         // Huffman: padding of a whole byte
      std::string("\x00\x84\xff\xff\xff\xff", 6),  // Huffman: the end of string
      std::string("\x40\x01n\x81\x00", 5),         // Huffman: padding of zeros
      "\x3f\xff\xff\xff\xff\xff\x01",              // an update of more than 32 bits
  };
  for (const bool joined : {false, true}) {
    for (const std::string& block : wrong) {
      reader_.emplace();
      ordinal_ = 0;
      feed(joined ? joined_item() : start_item());
      EXPECT_THAT(send_block(block), ElementsAre("headers 1 incomplete"))
          << testing::PrintToString(block);
      EXPECT_EQ(counters().compression_errors, 1U);
      EXPECT_THAT(send_block(insert("x", "1") + indexed(62)), ElementsAre("headers 1 x=1 x=1"));
    }
  }
}

// RFC 7541 section 8.2 speaks of what a few bytes can name.
TEST_F(HeaderTable, ABombIsReportedUpToTheLimit) {
  limit({.header_list_bytes_max = 10'000});
  start();
  send_block(insert("x", std::string(100, 'v')));
  const Lines lines = send_block(std::string(60'000, '\xbe'));  // index 62
  ASSERT_EQ(lines.size(), 1U);
  EXPECT_TRUE(lines[0].ends_with(" incomplete"));
  EXPECT_LT(lines[0].size(), 12'000U);
  EXPECT_EQ(counters().blocks_over_limit, 1U);
  // The table is what it was.
  EXPECT_EQ(send_block(indexed(62))[0].size(), std::string("headers 1 x=").size() + 100);
}

}  // namespace
}  // namespace kernspan::http2
