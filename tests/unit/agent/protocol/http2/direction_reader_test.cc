// Items to frames to events: order, places, losses, bad input.
#include "tests/unit/agent/protocol/http2/reader_fixture.h"

namespace kernspan::http2 {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::string kGet = "\x82";   // :method: GET
const std::string kPath = "\x84";  // :path: /

std::string reset_frame(std::uint32_t stream, std::uint32_t code) {
  return frame_bytes(FrameType::kRstStream, 0, stream, big_endian(code, 4));
}
std::string setting(std::uint16_t id, std::uint32_t value) {
  return big_endian(id, 2) + big_endian(value, 4);
}
std::string goaway_frame(std::string_view debug) {
  return frame_bytes(FrameType::kGoaway, 0, 0,
                     big_endian(0x80000007, 4) + big_endian(2, 4) + std::string(debug));
}

class Reader : public ReaderTest {};

TEST_F(Reader, TellsWhatHappensOnStreams) {
  start();
  EXPECT_THAT(send(headers_frames(1, kGet + kPath, SIZE_MAX, kFlagEndStream) +
                   headers_frames(3, kGet) + reset_frame(1, 8) + goaway_frame("bye")),
              ElementsAre("headers 1 end :method=GET :path=/", "headers 3 :method=GET", "reset 1 8",
                          "goaway 7 2"));
  EXPECT_THAT(feed(message_item(3, 100) + data_item(3, KS_HTTP2_DATA_END, 105)),
              ElementsAre("message 3 100", "data 3 105"));
  EXPECT_EQ(counters().blocks, 2U);
  EXPECT_EQ(counters().lost, 0U);
}

TEST_F(Reader, TellsTheTableSizeOfSettings) {
  start();
  EXPECT_THAT(send(frame_bytes(FrameType::kSettings, 0, 0,
                               setting(3, 100) + setting(1, 0) + setting(1, 65536)) +
                   frame_bytes(FrameType::kSettings, kFlagAck, 0, "")),
              ElementsAre("table 0", "table 65536"));
}

TEST_F(Reader, TakesOffPaddingAndPriority) {
  start();
  const std::string priority = "\x80" + std::string(3, '\0') + "\x10";
  EXPECT_THAT(
      send(frame_bytes(FrameType::kHeaders, kFlagEndHeaders | kFlagPadded | kFlagPriority, 1,
                       "\x03" + priority + kGet + std::string(3, '\0')) +
           frame_bytes(FrameType::kHeaders, kFlagEndHeaders | kFlagPriority, 3, priority + kPath) +
           frame_bytes(FrameType::kHeaders, kFlagEndHeaders | kFlagPadded, 5,
                       std::string(1, '\0') + kGet) +
           frame_bytes(FrameType::kHeaders, kFlagEndHeaders | kFlagPadded, 7, "\x01p")),
      ElementsAre("headers 1 :method=GET", "headers 3 :path=/", "headers 5 :method=GET",
                  "headers 7"));
}

// All kinds of frames, cut into two transfers at every byte, and into one-byte transfers.
TEST_F(Reader, DoesNotDependOnHowTransfersCutFrames) {
  const std::string frames =
      frame_bytes(FrameType::kSettings, 0, 0, setting(1, 100) + setting(1, 200)) +
      frame_bytes(FrameType::kHeaders, kFlagPadded | kFlagPriority | kFlagEndStream, 1,
                  "\x02" + std::string("12345") + insert("x", "1") + "pp") +
      frame_bytes(FrameType::kContinuation, 0, 1, "") +
      frame_bytes(FrameType::kContinuation, kFlagEndHeaders, 1, insert("y", "2")) +
      frame_bytes(FrameType::kPing, 0, 0, "12345678") +
      frame_bytes(FrameType::kPushPromise, kFlagPadded, 1, "\x01" + big_endian(2, 4) + "p") +
      frame_bytes(FrameType::kContinuation, kFlagEndHeaders, 1, insert("z", "3")) +
      frame_bytes(FrameType::kData, 0, 1, "body") + headers_frames(1, "\xbe\xbf\xc0") +
      reset_frame(1, 0) + goaway_frame("debug");
  const Lines expected = {
      "table 100", "table 200", "headers 1 end x=1 y=2", "headers 1 z=3 y=2 x=1",
      "reset 1 0", "goaway 7 2"};
  for (std::size_t cut = 0; cut <= frames.size(); ++cut) {
    reader_.emplace();
    ordinal_ = 0;
    start();
    FrameItems walker;
    Lines lines;
    const std::size_t step = cut == 0 ? 1 : frames.size();
    for (std::size_t at = 0; at < frames.size();) {
      const std::size_t bytes = at == 0 && cut != 0 ? cut : step;
      const std::string items = walker.transfer(std::string_view(frames).substr(at, bytes));
      at += bytes;
      const Lines more = feed(items);
      lines.insert(lines.end(), more.begin(), more.end());
    }
    EXPECT_EQ(lines, expected) << "cut at " << cut;
    EXPECT_EQ(counters().malformed_items + counters().protocol_errors + counters().lost, 0U);
  }
}

TEST_F(Reader, OffsetsAreThoseOfTheFirstFrameInTheLastTransfer) {
  start();
  const std::string before = frame_bytes(FrameType::kPing, 0, 0, "12345678");
  FrameItems walker;
  feed(walker.transfer(before + headers_frames(1, kGet)));
  EXPECT_EQ(log_.offset(), 17);
  // 9 + 1 and 9 + 1 bytes; the second transfer begins inside of the second frame.
  const std::string frames = headers_frames(3, kGet + kPath, 1);
  for (std::size_t cut = 1; cut < frames.size(); ++cut) {
    feed(walker.transfer(frames.substr(0, cut)));
    EXPECT_THAT(feed(walker.transfer(frames.substr(cut))),
                ElementsAre("headers 3 :method=GET :path=/"));
    EXPECT_EQ(log_.offset(), -static_cast<int>(cut));
  }
}

TEST_F(Reader, ConnectionsThatAreJoinedBeginWithALoss) {
  EXPECT_THAT(feed(joined_item()), ElementsAre("lost"));
  // One loss is said once.
  EXPECT_THAT(feed(joined_item()), IsEmpty());
  EXPECT_THAT(send_block(kGet), ElementsAre("headers 1 :method=GET"));
  EXPECT_THAT(feed(joined_item()), ElementsAre("lost"));
  EXPECT_EQ(counters().lost, 2U);
}

TEST_F(Reader, RecordsBeforeTheFirstAreALossUnlessItIsTheStart) {
  lose_records(5);
  EXPECT_THAT(send_block(kGet), ElementsAre("lost", "headers 1 :method=GET"));
  reader_.emplace();
  EXPECT_THAT(feed(start_item()), IsEmpty());
  reader_.emplace();
  ordinal_ = 0;
  EXPECT_THAT(send_block(kGet), ElementsAre("lost", "headers 1 :method=GET"));
}

TEST_F(Reader, ASecondStartIsANewBeginning) {
  start();
  send_block(insert("x", "1"));
  EXPECT_THAT(feed(start_item()), ElementsAre("lost"));
  EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 incomplete"));
}

TEST_F(Reader, TheRestOfALostBlockIsPassedOver) {
  const std::string frames = headers_frames(1, insert("x", "1") + insert("y", "2"), 4);
  // The item of HEADERS, and at least a byte of its payload, are in the record that is lost.
  for (std::size_t cut = kFrameHeaderBytes + 1; cut < frames.size(); ++cut) {
    reader_.emplace();
    ordinal_ = 0;
    start();
    FrameItems walker;
    walker.transfer(frames.substr(0, cut));
    lose_records(1);
    EXPECT_THAT(feed(walker.transfer(frames.substr(cut))), ElementsAre("lost"));
    EXPECT_THAT(send_block(kGet), ElementsAre("headers 1 :method=GET"));
    EXPECT_EQ(counters().malformed_items + counters().protocol_errors, 0U);
  }
}

TEST_F(Reader, JoiningWithinABlockPassesOverItsRest) {
  start();
  const std::string frames = headers_frames(1, insert("x", "1") + insert("y", "2"), 4);
  const std::size_t frame_bytes_each = kFrameHeaderBytes + 4;
  EXPECT_THAT(feed(joined_item()), ElementsAre("lost"));
  EXPECT_THAT(send(frames.substr(frame_bytes_each)), IsEmpty());
  EXPECT_THAT(send_block(kGet), ElementsAre("headers 1 :method=GET"));
  // Only there: later it is nobody's.
  EXPECT_THAT(send(frames.substr(frame_bytes_each)), ElementsAre("lost"));
  EXPECT_EQ(counters().protocol_errors, 1U);
}

TEST_F(Reader, ABlockThatALossInterruptsIsDropped) {
  start();
  FrameItems walker;
  const std::string frames = headers_frames(1, insert("x", "1") + insert("y", "2"), 4);
  feed(walker.transfer(frames.substr(0, 15)));
  lose_records(1);
  EXPECT_THAT(send(reset_frame(1, 2)), ElementsAre("lost", "reset 1 2"));
  EXPECT_EQ(counters().blocks_cut, 1U);
}

TEST_F(Reader, CutFramesEndWhereTheyAreCut) {
  start();
  const std::string settings =
      frame_bytes(FrameType::kSettings, 0, 0, setting(1, 7) + setting(1, 8));
  EXPECT_THAT(feed(item(KS_HTTP2_FRAME, settings.substr(0, 17), 0, KS_HTTP2_CUT)),
              ElementsAre("table 7"));
  const std::string goaway = goaway_frame(std::string(1000, 'd'));
  EXPECT_THAT(feed(item(KS_HTTP2_FRAME, goaway.substr(0, 20), 0, KS_HTTP2_CUT)),
              ElementsAre("goaway 7 2"));
  // Only padding is missing.
  const std::string padded =
      frame_bytes(FrameType::kHeaders, kFlagEndHeaders | kFlagPadded, 1, "\x02" + kGet + "pp");
  EXPECT_THAT(feed(item(KS_HTTP2_FRAME, padded.substr(0, 11), 0, KS_HTTP2_CUT)),
              ElementsAre("headers 1 :method=GET"));
  EXPECT_EQ(counters().lost + counters().blocks_cut, 0U);
  // How a stream ended cannot be known.
  EXPECT_THAT(feed(item(KS_HTTP2_FRAME, reset_frame(1, 8).substr(0, 11), 0, KS_HTTP2_CUT)),
              ElementsAre("lost"));
}

TEST_F(Reader, ACutBlockGoesOnToItsEnd) {
  start();
  const std::string frames = headers_frames(1, kGet + kPath + kGet + kPath, 2, kFlagEndStream);
  EXPECT_THAT(feed(item(KS_HTTP2_FRAME, frames.substr(0, 10)) +
                   item(KS_HTTP2_PAYLOAD, "", 10, KS_HTTP2_CUT)),
              IsEmpty());
  EXPECT_THAT(feed(item(KS_HTTP2_FRAME, frames.substr(11))),
              ElementsAre("headers 1 end :method=GET incomplete"));
  EXPECT_EQ(counters().blocks_cut, 1U);
}

TEST_F(Reader, WhatBreaksTheRulesLosesThePlace) {
  const std::string block_open = frame_bytes(FrameType::kHeaders, 0, 1, kGet);
  const std::string wrong[] = {
      headers_frames(0, kGet),
      frame_bytes(FrameType::kContinuation, kFlagEndHeaders, 1, kGet),
      frame_bytes(FrameType::kHeaders, kFlagEndHeaders | kFlagPadded, 1, ""),
      frame_bytes(FrameType::kHeaders, kFlagEndHeaders | kFlagPadded, 1, "\x02p"),
      frame_bytes(FrameType::kHeaders, kFlagEndHeaders | kFlagPriority, 1, "1234"),
      frame_bytes(FrameType::kPushPromise, kFlagEndHeaders, 1, "123"),
      frame_bytes(FrameType::kPushPromise, kFlagEndHeaders, 0, "1234"),
      frame_bytes(FrameType::kRstStream, 0, 0, "1234"),
      frame_bytes(FrameType::kRstStream, 0, 1, "123"),
      frame_bytes(FrameType::kRstStream, 0, 1, "12345"),
      frame_bytes(FrameType::kSettings, 0, 1, ""),
      frame_bytes(FrameType::kSettings, 0, 0, "12345"),
      frame_bytes(FrameType::kSettings, kFlagAck, 0, "123456"),
      frame_bytes(FrameType::kGoaway, 0, 0, "1234567"),
      frame_bytes(FrameType::kGoaway, 0, 1, "12345678"),
      block_open + headers_frames(3, kGet),
      block_open + reset_frame(1, 8),
      block_open + frame_bytes(FrameType::kSettings, 0, 0, ""),
      block_open + frame_bytes(FrameType::kContinuation, kFlagEndHeaders, 3, kGet),
  };
  for (const std::string& frames : wrong) {
    SCOPED_TRACE(testing::PrintToString(frames));
    reader_.emplace();
    ordinal_ = 0;
    start();
    send(headers_frames(9, insert("x", "1")));
    EXPECT_THAT(send(frames), ElementsAre("lost"));
    EXPECT_EQ(counters().protocol_errors, 1U);
    EXPECT_THAT(send_block(kGet), IsEmpty());
    EXPECT_THAT(feed(data_item(1)), IsEmpty());
    EXPECT_THAT(feed(joined_item()), IsEmpty());
    EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 ?=?"));
    EXPECT_EQ(counters().protocol_errors, 1U);
  }
}

TEST_F(Reader, DataWithinABlockBreaksTheRules) {
  for (const std::string& between : {data_item(1), message_item(1, 5)}) {
    reader_.emplace();
    ordinal_ = 0;
    start();
    EXPECT_THAT(send(frame_bytes(FrameType::kHeaders, 0, 1, kGet)), IsEmpty());
    EXPECT_THAT(feed(between), ElementsAre("lost"));
    EXPECT_EQ(counters().protocol_errors, 1U);
    // A jump of the ordinal may have taken the item that says where the frames go on.
    lose_records(1);
    EXPECT_THAT(send_block(kGet), ElementsAre("headers 1 :method=GET"));
  }
}

TEST_F(Reader, MalformedItemsAreCountedAndLoseTheTable) {
  const std::string whole = headers_frames(1, kGet + kPath);
  std::string overrun = item(KS_HTTP2_FRAME, whole);
  overrun.resize(overrun.size() - 8);
  ks_http2_message compressed{.stream = 1, .length = 1, .compressed = 2, .reserved = {}};
  const std::string wrong[] = {
      std::string(7, '\0'),
      overrun,
      item(static_cast<ks_http2_item_kind>(0)),
      item(static_cast<ks_http2_item_kind>(7)),
      item(KS_HTTP2_FRAME, whole.substr(0, 8)),
      item(KS_HTTP2_FRAME, whole + "x"),
      item(KS_HTTP2_FRAME, frame_bytes(FrameType::kData, 0, 1, "x")),
      item(KS_HTTP2_FRAME, frame_bytes(FrameType::kWindowUpdate, 0, 1, "1234")),
      item(KS_HTTP2_FRAME, frame_bytes(static_cast<FrameType>(77), 0, 1, "1234")),
      item(KS_HTTP2_PAYLOAD, "x"),
      item(KS_HTTP2_FRAME, whole.substr(0, 10)) + item(KS_HTTP2_PAYLOAD, "xy"),
      item(KS_HTTP2_FRAME, whole.substr(0, 10)) + item(KS_HTTP2_FRAME, headers_frames(3, "")),
      item(KS_HTTP2_FRAME, whole.substr(0, 10)) + data_item(1),
      item(KS_HTTP2_DATA, "short"),
      item(KS_HTTP2_MESSAGE, std::string(24, '\x01')),
      data_item(0),
      data_item(0x80000001),
      message_item(0, 1),
      struct_item(KS_HTTP2_MESSAGE, compressed),
  };
  for (const std::string& items : wrong) {
    SCOPED_TRACE(testing::PrintToString(items));
    reader_.emplace();
    ordinal_ = 0;
    start();
    send(headers_frames(9, insert("x", "1")));
    const Lines lines = feed(items);
    ASSERT_FALSE(lines.empty());
    EXPECT_EQ(lines[0], "lost");
    EXPECT_EQ(counters().malformed_items, 1U);
    EXPECT_EQ(counters().protocol_errors, 0U);
    EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 ?=?"));
  }
}

TEST_F(Reader, BlocksOverTheLimitAreReadUpToIt) {
  limit({.block_bytes_max = 10});
  start();
  const std::string block = insert("x", "1") + literal("a", "12345") + kGet;
  for (const std::size_t fragment_bytes : {SIZE_MAX, 3UZ}) {
    EXPECT_THAT(send(headers_frames(1, block, fragment_bytes)),
                ElementsAre("headers 1 x=1 incomplete"));
  }
  EXPECT_EQ(counters().blocks_over_limit, 2U);
  EXPECT_THAT(send_block(indexed(62)), ElementsAre("headers 1 ?=?"));
}

TEST_F(Reader, AFloodOfEmptyContinuationsIsOverTheLimit) {
  limit({.block_bytes_max = 100});
  start();
  std::string frames = frame_bytes(FrameType::kHeaders, 0, 1, kGet);
  for (int i = 0; i < 1000; ++i) frames += frame_bytes(FrameType::kContinuation, 0, 1, "");
  EXPECT_THAT(send(frames), IsEmpty());
  EXPECT_THAT(send(frame_bytes(FrameType::kContinuation, kFlagEndHeaders, 1, kPath)),
              ElementsAre("headers 1 :method=GET :path=/ incomplete"));
  EXPECT_EQ(counters().blocks_over_limit, 1U);
}

TEST_F(Reader, EveryTruncationOfARecordIsSurvived) {
  const std::string items = start_item() + FrameItems().transfer(headers_frames(1, kGet + kPath)) +
                            data_item(1) + FrameItems().transfer(reset_frame(1, 1));
  for (std::size_t size = 0; size < items.size(); ++size) {
    reader_.emplace();
    ordinal_ = 0;
    const std::vector<char> exact(items.begin(), items.begin() + static_cast<long>(size));
    reader_->feed(0, {exact.data(), exact.size()}, log_);
    log_.take();
    const bool at_item = size == 0 || size == 8 || size == 32 || size == 64;
    EXPECT_EQ(counters().malformed_items, at_item ? 0U : 1U) << size;
  }
}

TEST(ErrorCodeName, IsThatOfTheRfc) {
  EXPECT_EQ(error_code_name(0), "NO_ERROR");
  EXPECT_EQ(error_code_name(7), "REFUSED_STREAM");
  EXPECT_EQ(error_code_name(8), "CANCEL");
  EXPECT_EQ(error_code_name(13), "HTTP_1_1_REQUIRED");
  EXPECT_EQ(error_code_name(14), "");
  EXPECT_EQ(error_code_name(0xffffffff), "");
}

}  // namespace
}  // namespace kernspan::http2
