#include "agent/probes/event_decoder.h"

#include <gtest/gtest.h>
#include <algorithm>

#include <cstring>
#include <string>
#include <vector>

namespace kernspan::probes {
namespace {

// A record in aligned memory of exactly its size.
class RawRecord {
 public:
  template <typename T>
  explicit RawRecord(T event, std::uint32_t kind, std::string_view bytes = {}) {
    event.header.kind = kind;
    event.header.size = static_cast<std::uint32_t>(sizeof event + bytes.size());
    size_ = event.header.size;
    words_.resize((size_ + 7) / 8);
    std::memcpy(words_.data(), &event, sizeof event);
    std::ranges::copy(bytes, data() + sizeof event);
  }

  char* data() { return reinterpret_cast<char*>(words_.data()); }
  std::string_view view() { return {data(), size_}; }

 private:
  std::vector<std::uint64_t> words_;
  std::size_t size_ = 0;
};

ks_transfer_event transfer(std::uint32_t bytes, std::uint32_t captured) {
  ks_transfer_event event{};
  event.transfer_bytes = bytes;
  event.captured_bytes = captured;
  return event;
}

void expect_malformed(std::string_view record, Malformed reason) {
  const auto event = decode_event(record);
  ASSERT_FALSE(event.has_value());
  EXPECT_EQ(malformed_name(event.error()), malformed_name(reason));
}

void expect_malformed(const ks_transfer_event& event, std::string_view bytes, Malformed reason) {
  expect_malformed(RawRecord(event, KS_EVENT_TRANSFER, bytes).view(), reason);
}

TEST(DecodeEvent, Transfers) {
  ks_transfer_event event = transfer(20, 5);
  event.piece_offset = 15;
  event.tail_bytes = 3;
  std::memcpy(event.tail, "abcdefgh", 8);
  RawRecord record(event, KS_EVENT_TRANSFER, "GET /");
  const auto decoded = decode_event(record.view());
  ASSERT_TRUE(decoded.has_value());
  const auto& view = std::get<TransferView>(*decoded);
  EXPECT_EQ(view.bytes, "GET /");
  EXPECT_EQ(view.tail, "abc");
  EXPECT_EQ(view.event->piece_offset, 15u);
}

TEST(DecodeEvent, EndsOfFile) {
  ks_transfer_event event = transfer(0, 0);
  event.flags = KS_EOF;
  event.direction = KS_RECV;
  EXPECT_TRUE(decode_event(RawRecord(event, KS_EVENT_TRANSFER).view()).has_value());
  event.direction = KS_SEND;
  expect_malformed(event, "", Malformed::kFlags);
}

TEST(DecodeEvent, ContradictoryTransfers) {
  expect_malformed(transfer(20, 6), "GET /", Malformed::kCapturedBytes);
  expect_malformed(transfer(4, 5), "GET /", Malformed::kCapturedBytes);
  ks_transfer_event event = transfer(20, 5);
  event.piece_offset = 16;
  expect_malformed(event, "GET /", Malformed::kCapturedBytes);
  event.piece_offset = 0xffffffff;
  expect_malformed(event, "GET /", Malformed::kCapturedBytes);
  const std::string large(KS_CAPTURE_BYTES_MAX + 8, 'x');
  expect_malformed(transfer(1 << 20, static_cast<std::uint32_t>(large.size())), large,
                   Malformed::kCapturedBytes);
  event = transfer(20, 0);
  event.tail_bytes = 9;
  expect_malformed(event, "", Malformed::kTail);
  event = transfer(2, 0);
  event.tail_bytes = 3;
  expect_malformed(event, "", Malformed::kTail);
  event = transfer(20, 0);
  event.direction = 2;
  expect_malformed(event, "", Malformed::kDirection);
  event = transfer(20, 0);
  event.flags = 0x8000;
  expect_malformed(event, "", Malformed::kFlags);
  event.flags = KS_EOF;
  event.direction = KS_RECV;
  expect_malformed(event, "", Malformed::kFlags);
  expect_malformed(transfer(0, 0), "", Malformed::kFlags);
}

TEST(DecodeEvent, Http2Transfers) {
  const std::string items(48, 'i');
  // More items than the transfer has bytes, and an ordinal that could not be an offset.
  ks_transfer_event event = transfer(9, 48);
  event.flags = KS_HTTP2 | KS_MORE_PIECES | KS_STREAM_START;
  event.ordinal = 0xffffffff;
  RawRecord record(event, KS_EVENT_TRANSFER, items);
  const auto decoded = decode_event(record.view());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(std::get<TransferView>(*decoded).bytes, items);
  EXPECT_EQ(std::get<TransferView>(*decoded).event->ordinal, 0xffffffffu);

  ks_transfer_event end = transfer(0, 0);
  end.flags = KS_HTTP2 | KS_EOF;
  end.direction = KS_RECV;
  end.ordinal = 7;
  EXPECT_TRUE(decode_event(RawRecord(end, KS_EVENT_TRANSFER).view()).has_value());
}

TEST(DecodeEvent, ContradictoryHttp2Transfers) {
  ks_transfer_event event = transfer(100, 8);
  event.flags = KS_HTTP2;
  EXPECT_TRUE(decode_event(RawRecord(event, KS_EVENT_TRANSFER, "12345678").view()).has_value());
  event.captured_bytes = 5;
  expect_malformed(event, "12345", Malformed::kCapturedBytes);
  event.captured_bytes = 0;
  expect_malformed(event, "", Malformed::kCapturedBytes);
  event.captured_bytes = 8;
  event.tail_bytes = 1;
  expect_malformed(event, "12345678", Malformed::kTail);
  event.tail_bytes = 0;
  for (const ks_transfer_flags flag : {KS_HEAD_START, KS_HEAD_END, KS_HEAD_CUT, KS_EOF}) {
    event.flags = static_cast<ks_u16>(KS_HTTP2 | flag);
    expect_malformed(event, "12345678",
                     flag == KS_EOF ? Malformed::kCapturedBytes : Malformed::kFlags);
  }
  ks_transfer_event end = transfer(0, 0);
  end.flags = KS_HTTP2 | KS_EOF | KS_MORE_PIECES;
  end.direction = KS_RECV;
  expect_malformed(end, "", Malformed::kFlags);
}

TEST(DecodeEvent, Programs) {
  ks_exec_event event{};
  std::memcpy(event.comm, "0123456789abcdef", 16);
  std::memcpy(event.args, "python3\0app.py\0", 15);
  event.args_bytes = 15;
  RawRecord record(event, KS_EVENT_EXEC);
  const auto decoded = decode_event(record.view());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(std::get<ExecView>(*decoded).comm, "0123456789abcdef") << "without a terminator";
  EXPECT_EQ(std::get<ExecView>(*decoded).args, std::string_view("python3\0app.py\0", 15));
  event.args_bytes = KS_ARGS_BYTES_MAX + 1;
  expect_malformed(RawRecord(event, KS_EVENT_EXEC).view(), Malformed::kArgs);
}

TEST(DecodeEvent, GrpcCalls) {
  ks_grpc_call_event event{};
  event.stream = 7;
  event.role = KS_GRPC_SERVER;
  event.method_bytes = 9;
  std::memcpy(event.method, "/shop/Add", 9);
  RawRecord record(event, KS_EVENT_GRPC_CALL);
  const auto decoded = decode_event(record.view());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(std::get<GrpcCallView>(*decoded).method, "/shop/Add");
  event.method_bytes = KS_GRPC_METHOD_BYTES_MAX;
  EXPECT_TRUE(decode_event(RawRecord(event, KS_EVENT_GRPC_CALL).view()).has_value());
}

TEST(DecodeEvent, ContradictoryGrpcCalls) {
  ks_grpc_call_event good{};
  good.stream = 7;
  const auto expect_refused = [&](auto change, Malformed reason) {
    ks_grpc_call_event event = good;
    change(event);
    expect_malformed(RawRecord(event, KS_EVENT_GRPC_CALL).view(), reason);
  };
  expect_refused([](auto& event) { event.method_bytes = KS_GRPC_METHOD_BYTES_MAX + 1; },
                 Malformed::kMethod);
  expect_refused([](auto& event) { event.role = 2; }, Malformed::kRole);
  expect_refused([](auto& event) { event.stream = 0; }, Malformed::kStream);
  expect_refused([](auto& event) { event.stream = 8; }, Malformed::kStream);
  expect_refused([](auto& event) { event.stream = 0x80000001; }, Malformed::kStream);
  expect_malformed(RawRecord(good, KS_EVENT_GRPC_CALL, "12345678").view(), Malformed::kSize);
}

TEST(DecodeEvent, Cgroups) {
  ks_cgroup_event event{};
  std::memcpy(event.path, "/kubepods", 9);
  RawRecord record(event, KS_EVENT_CGROUP);
  const auto decoded = decode_event(record.view());
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(std::get<CgroupView>(*decoded).path, "/kubepods");
  EXPECT_FALSE(std::get<CgroupView>(*decoded).is_cut);
  std::memset(event.path, 'x', sizeof event.path);
  RawRecord cut(event, KS_EVENT_CGROUP);
  const auto decoded_cut = decode_event(cut.view());
  ASSERT_TRUE(decoded_cut.has_value());
  EXPECT_EQ(std::get<CgroupView>(*decoded_cut).path, std::string(sizeof event.path, 'x'));
  EXPECT_TRUE(std::get<CgroupView>(*decoded_cut).is_cut);
  expect_malformed(RawRecord(event, KS_EVENT_CGROUP, "12345678").view(), Malformed::kSize);
}

TEST(DecodeEvent, FixedKinds) {
  ks_close_event close{};
  close.stage = KS_CLOSE_FINAL;
  EXPECT_TRUE(decode_event(RawRecord(close, KS_EVENT_CLOSE).view()).has_value());
  close.stage = 3;
  expect_malformed(RawRecord(close, KS_EVENT_CLOSE).view(), Malformed::kStage);
  EXPECT_TRUE(decode_event(RawRecord(ks_connect_event{}, KS_EVENT_CONNECT).view()).has_value());
  EXPECT_TRUE(decode_event(RawRecord(ks_fork_event{}, KS_EVENT_FORK).view()).has_value());
  EXPECT_TRUE(decode_event(RawRecord(ks_exit_event{}, KS_EVENT_EXIT).view()).has_value());
  expect_malformed(RawRecord(ks_exit_event{}, KS_EVENT_EXIT, "12345678").view(), Malformed::kSize);
  expect_malformed(RawRecord(ks_exit_event{}, 99).view(), Malformed::kUnknownKind);
  EXPECT_TRUE(decode_event(RawRecord(ks_shed_event{}, KS_EVENT_SHED).view()).has_value());
  expect_malformed(RawRecord(ks_shed_event{}, KS_EVENT_SHED, "12345678").view(), Malformed::kSize);
}

TEST(DecodeEvent, SizesComeFirst) {
  RawRecord record(transfer(20, 5), KS_EVENT_TRANSFER, "GET /");
  const std::string_view whole = record.view();
  for (std::size_t size = 0; size < whole.size(); ++size) {
    expect_malformed(whole.substr(0, size),
                     size < sizeof(ks_event_header) ? Malformed::kShort : Malformed::kSize);
  }
  for (const ks_event_kind kind :
       {KS_EVENT_TRANSFER, KS_EVENT_CONNECT, KS_EVENT_CLOSE, KS_EVENT_EXEC, KS_EVENT_FORK,
        KS_EVENT_EXIT, KS_EVENT_GRPC_CALL, KS_EVENT_CGROUP}) {
    struct {
      ks_event_header header;
    } only_header{};
    expect_malformed(RawRecord(only_header, kind).view(), Malformed::kShort);
  }
  expect_malformed(whole.substr(4), Malformed::kMisaligned);
}

}  // namespace
}  // namespace kernspan::probes
