// How items become frames and frames become header blocks:
//
//   kUnplaced  -- START --> kFollowing, the table exact
//              -- anything else --> kFollowing, the table unknown (on_lost)
//   kFollowing -- JOINED, ordinal jump, malformed item --> kFollowing, the table unknown (on_lost)
//              -- rules of the protocol broken --> kBroken (on_lost)
//   kBroken    -- START, JOINED, ordinal jump --> kFollowing
//
// A frame is in progress until its payload has passed or is cut; a block is open from HEADERS or
// PUSH_PROMISE until END_HEADERS, and nothing may come between.
#include "agent/protocol/http2/direction_reader.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

#include "agent/protocol/http2/block_assembler.h"
#include "agent/protocol/http2/fragment_range.h"
#include "agent/protocol/http2/frame.h"
#include "agent/protocol/http2/hpack_decoder.h"
#include "agent/protocol/http2/item_cursor.h"

namespace kernspan::http2 {
namespace {

constexpr std::size_t kResetBytes = 4;
constexpr std::size_t kGoawayBytesMin = 8;  // what follows is for people

std::int32_t to_offset(std::int64_t offset) {
  return static_cast<std::int32_t>(std::clamp<std::int64_t>(
      offset, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max()));
}

bool carries_block(FrameType type) {
  return type == FrameType::kHeaders || type == FrameType::kPushPromise ||
         type == FrameType::kContinuation;
}

// What RFC 9113 section 6 says of the stream and the length of each.
bool follows_rules(const FrameHeader& frame) {
  switch (frame.type) {
    case FrameType::kHeaders:
    case FrameType::kPushPromise:
    case FrameType::kContinuation:
      return frame.stream != 0;
    case FrameType::kRstStream:
      return frame.stream != 0 && frame.length == kResetBytes;
    case FrameType::kSettings:
      return frame.stream == 0 &&
             (frame.has(kFlagAck) ? frame.length == 0 : frame.length % kSettingBytes == 0);
    case FrameType::kGoaway:
      return frame.stream == 0 && frame.length >= kGoawayBytesMin;
    default:
      return false;
  }
}

bool is_captured(FrameType type) {
  return carries_block(type) || type == FrameType::kRstStream || type == FrameType::kSettings ||
         type == FrameType::kGoaway;
}

// How many bytes of a frame that carries no block are read at once.
std::size_t small_bytes_wanted(FrameType type) {
  if (type == FrameType::kSettings) return kSettingBytes;
  return type == FrameType::kGoaway ? kGoawayBytesMin : kResetBytes;
}

// The structure that is all of the item's bytes, of a valid stream.
template <typename Struct>
std::optional<Struct> read_struct(const Item& item) {
  if (item.bytes.size() != sizeof(Struct)) return std::nullopt;
  Struct read;
  std::memcpy(&read, item.bytes.data(), sizeof read);
  if (read.stream == 0 || read.stream > kStreamMask) return std::nullopt;
  return read;
}

}  // namespace

struct DirectionReader::State {
  explicit State(DirectionLimits limits_of) : limits(limits_of), block(limits.block_bytes_max) {}

  enum class Place : std::uint8_t { kUnplaced, kFollowing, kBroken };

  // The frame whose payload is passing.
  struct Progress {
    FrameHeader header;
    std::size_t seen_bytes = 0;  // of the payload
    FragmentRange fragment;
    bool ignored = false;  // a CONTINUATION whose HEADERS were not seen
                           // RST_STREAM; the beginning of GOAWAY; one of the SETTINGS.
    std::array<char, kGoawayBytesMin> small{};
    std::size_t small_bytes = 0;
    bool small_done = false;  // nothing more of this frame is wanted

    std::size_t left() const { return header.length - seen_bytes; }
  };

  void take(const Item& item, DirectionSink& sink);
  void start(DirectionSink& sink);
  void take_frame(const Item& item, DirectionSink& sink);
  void take_payload(const Item& item, DirectionSink& sink);
  void take_message(const Item& item, DirectionSink& sink);
  void take_data(const Item& item, DirectionSink& sink);
  bool open_frame(const FrameHeader& header, std::int64_t offset, DirectionSink& sink);
  bool is_between_frames(DirectionSink& sink);
  void take_bytes(std::string_view payload, bool cut, DirectionSink& sink);
  bool take_fragment(std::string_view payload, DirectionSink& sink);
  void take_small(std::string_view payload, DirectionSink& sink);
  void take_small_whole(DirectionSink& sink);
  void end_frame(DirectionSink& sink);
  void end_block(std::string_view bytes, DirectionSink& sink);
  void lose(DirectionSink& sink);
  void malformed(DirectionSink& sink);
  void break_rules(DirectionSink& sink);

  DirectionLimits limits;
  DirectionCounters counters;
  HpackDecoder hpack{limits};
  BlockAssembler block;
  std::optional<Progress> frame;
  // Of the block's first byte, counted from the transfer of the last item.
  std::int64_t block_offset = 0;
  std::int64_t block_bytes_before = 0;  // all of the block's frames before the one in progress
  std::uint32_t next_ordinal = 0;
  Place place = Place::kUnplaced;
  // Since the loss no frame has begun that opens something: the rest of a frame or block whose
  // beginning is lost may still come.
  bool mid_loss = false;
  // on_lost was called, and nothing has happened since.
  bool lost_said = false;
};

void DirectionReader::State::take(const Item& item, DirectionSink& sink) {
  if (item.head.kind == KS_HTTP2_START) return start(sink);
  if (item.head.kind == KS_HTTP2_JOINED) return lose(sink);
  if (place == Place::kBroken) return;
  if (place == Place::kUnplaced) lose(sink);
  lost_said = false;
  switch (item.head.kind) {
    case KS_HTTP2_FRAME:
      return take_frame(item, sink);
    case KS_HTTP2_PAYLOAD:
      return take_payload(item, sink);
    case KS_HTTP2_MESSAGE:
      return take_message(item, sink);
    case KS_HTTP2_DATA:
      return take_data(item, sink);
    default:
      return malformed(sink);
  }
}

void DirectionReader::State::start(DirectionSink& sink) {
  if (place != Place::kUnplaced) lose(sink);
  place = Place::kFollowing;
  mid_loss = false;
  lost_said = false;
  hpack.start();
}

void DirectionReader::State::take_frame(const Item& item, DirectionSink& sink) {
  if (frame) malformed(sink);  // the rest of its payload did not come
  if (item.bytes.size() < kFrameHeaderBytes) return malformed(sink);
  const FrameHeader header = read_frame_header(item.bytes);
  const std::string_view payload = item.bytes.substr(kFrameHeaderBytes);
  if (payload.size() > header.length || !is_captured(header.type)) return malformed(sink);
  if (open_frame(header, item.head.offset, sink)) take_bytes(payload, item.is_cut(), sink);
}

bool DirectionReader::State::open_frame(const FrameHeader& header, std::int64_t offset,
                                        DirectionSink& sink) {
  const bool continues = header.type == FrameType::kContinuation;
  const bool orphan = continues && !block.is_open() && mid_loss;
  Progress next{.header = header, .fragment = FragmentRange(header), .ignored = orphan};
  const bool in_order = orphan || continues == block.is_open();
  if (!follows_rules(header) || !in_order ||
      (carries_block(header.type) && !next.fragment.valid()) ||
      (continues && !orphan && header.stream != block.stream())) {
    break_rules(sink);
    return false;
  }
  if (!continues) mid_loss = false;
  if (header.type == FrameType::kHeaders || header.type == FrameType::kPushPromise) {
    const bool is_promise = header.type == FrameType::kPushPromise;
    block.open(header.stream, is_promise, !is_promise && header.has(kFlagEndStream));
    block_bytes_before = 0;
  } else if (continues && !orphan) {
    block.charge_frame();
  }
  block_offset = offset - block_bytes_before;
  frame = next;
  return true;
}

void DirectionReader::State::take_payload(const Item& item, DirectionSink& sink) {
  if (!frame) {
    if (!mid_loss) malformed(sink);
    return;
  }
  if (item.bytes.size() > frame->left()) return malformed(sink);
  block_offset = item.head.offset - static_cast<std::int64_t>(kFrameHeaderBytes) -
                 static_cast<std::int64_t>(frame->seen_bytes) - block_bytes_before;
  take_bytes(item.bytes, item.is_cut(), sink);
}

// The next bytes of the frame in progress.
void DirectionReader::State::take_bytes(std::string_view payload, bool cut, DirectionSink& sink) {
  if (carries_block(frame->header.type)) {
    if (take_fragment(payload, sink)) return;
  } else {
    take_small(payload, sink);
  }
  frame->seen_bytes += payload.size();
  if (frame->left() > 0) {
    if (!cut) return;
    if (!carries_block(frame->header.type)) {
      // A stream or the connection ends, and it is not known how.
      if (frame->header.type != FrameType::kSettings && !frame->small_done) return lose(sink);
    } else if (!frame->ignored && !frame->fragment.ends_by(frame->seen_bytes)) {
      block.cut();
    }
  }
  end_frame(sink);
}

// True if that was the end of the frame, in either way.
bool DirectionReader::State::take_fragment(std::string_view payload, DirectionSink& sink) {
  const std::string_view part = frame->fragment.select(payload, frame->seen_bytes);
  if (!frame->fragment.valid()) {
    break_rules(sink);
    return true;
  }
  if (frame->ignored) return false;
  const FrameHeader& header = frame->header;
  // The usual case: the block is whole, and is decoded where it lies.
  if (header.type != FrameType::kContinuation && header.has(kFlagEndHeaders) &&
      payload.size() == header.length && part.size() <= limits.block_bytes_max) {
    frame.reset();
    end_block(part, sink);
    return true;
  }
  block.append(part);
  return false;
}

void DirectionReader::State::take_small(std::string_view payload, DirectionSink& sink) {
  const std::size_t wanted = small_bytes_wanted(frame->header.type);
  while (!payload.empty() && !frame->small_done) {
    const std::size_t taken = std::min(wanted - frame->small_bytes, payload.size());
    std::memcpy(frame->small.data() + frame->small_bytes, payload.data(), taken);
    frame->small_bytes += taken;
    payload.remove_prefix(taken);
    if (frame->small_bytes < wanted) return;
    take_small_whole(sink);
    frame->small_bytes = 0;
    frame->small_done = frame->header.type != FrameType::kSettings;
  }
}

void DirectionReader::State::take_small_whole(DirectionSink& sink) {
  const std::string_view bytes(frame->small.data(), frame->small_bytes);
  switch (frame->header.type) {
    case FrameType::kRstStream:
      return sink.on_reset(frame->header.stream, read_u32(bytes, 0));
    case FrameType::kGoaway:
      return sink.on_goaway(read_u32(bytes, 0) & kStreamMask, read_u32(bytes, 4));
    case FrameType::kSettings:
      if (read_u16(bytes, 0) == kSettingHeaderTableSize) {
        sink.on_header_table_size(read_u32(bytes, 2));
      }
      return;
    default:
      return;
  }
}

void DirectionReader::State::end_frame(DirectionSink& sink) {
  const Progress ended = *frame;
  frame.reset();
  if (!carries_block(ended.header.type) || ended.ignored) return;
  block_bytes_before += static_cast<std::int64_t>(kFrameHeaderBytes + ended.header.length);
  if (ended.header.has(kFlagEndHeaders)) end_block(block.bytes(), sink);
}

void DirectionReader::State::end_block(std::string_view bytes, DirectionSink& sink) {
  HeaderBlock decoded;
  const HpackDecoder::Result result = hpack.decode(bytes, block.whole(), decoded);
  ++counters.blocks;
  if (block.is_cut()) ++counters.blocks_cut;
  if (block.is_over_limit() || result == HpackDecoder::Result::kOverLimit) {
    ++counters.blocks_over_limit;
  }
  if (result == HpackDecoder::Result::kInvalid) ++counters.compression_errors;
  if (decoded.has_unknown) ++counters.blocks_with_unknown;
  block.close();
  if (block.is_promise()) return;
  sink.on_headers(block.stream(), to_offset(block_offset), decoded, block.end_stream());
}

// What comes outside of frames may not stand within a frame or a block. False if that is broken.
bool DirectionReader::State::is_between_frames(DirectionSink& sink) {
  if (frame) malformed(sink);  // the rest of its payload did not come
  mid_loss = false;
  if (!block.is_open()) return true;
  break_rules(sink);
  return false;
}

void DirectionReader::State::take_message(const Item& item, DirectionSink& sink) {
  const auto message = read_struct<ks_http2_message>(item);
  if (!message || message->compressed > 1) return malformed(sink);
  if (is_between_frames(sink)) sink.on_message(*message, item.head.offset);
}

void DirectionReader::State::take_data(const Item& item, DirectionSink& sink) {
  const auto data = read_struct<ks_http2_data>(item);
  if (!data) return malformed(sink);
  if (is_between_frames(sink)) sink.on_data(*data, item.head.offset);
}

void DirectionReader::State::lose(DirectionSink& sink) {
  if (block.is_open()) {
    ++counters.blocks;
    ++counters.blocks_cut;
    block.close();
  }
  frame.reset();
  hpack.forget();
  place = Place::kFollowing;
  mid_loss = true;
  if (lost_said) return;
  lost_said = true;
  ++counters.lost;
  sink.on_lost();
}

void DirectionReader::State::malformed(DirectionSink& sink) {
  ++counters.malformed_items;
  lose(sink);
}

void DirectionReader::State::break_rules(DirectionSink& sink) {
  ++counters.protocol_errors;
  lose(sink);
  place = Place::kBroken;
}

DirectionReader::DirectionReader(DirectionLimits limits)
    : state_(std::make_unique<State>(limits)) {}

DirectionReader::~DirectionReader() = default;

void DirectionReader::feed(std::uint32_t ordinal, std::string_view items, DirectionSink& sink) {
  ItemCursor cursor(items);
  std::optional<Item> item = cursor.next();
  // The first record that is seen need not be the first one there was, if it begins at the start.
  const bool starts =
      state_->place == State::Place::kUnplaced && item && item->head.kind == KS_HTTP2_START;
  if (ordinal != state_->next_ordinal && !starts) state_->lose(sink);
  state_->next_ordinal = ordinal + 1;
  for (; item; item = cursor.next()) state_->take(*item, sink);
  if (cursor.malformed()) state_->malformed(sink);
}

void DirectionReader::limit_header_table(std::uint32_t bytes) {
  state_->hpack.allow_table(bytes);
}

const DirectionCounters& DirectionReader::counters() const {
  return state_->counters;
}

}  // namespace kernspan::http2
