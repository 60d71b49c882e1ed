// What the frames of one direction mean for the streams of an HTTP/2 connection.
#include <cstdint>
#include <string_view>
#include <utility>

#include "agent/conn/http2_connection.h"
#include "agent/conn/http2_head.h"
#include "agent/protocol/http2/error_code.h"
#include "agent/protocol/http2/frame.h"

namespace kernspan {
namespace {

// A constant that is never empty: codes without a name share one, so that names stay few.
std::string_view name_of(std::uint32_t error_code) {
  const std::string_view name = http2::error_code_name(error_code);
  return name.empty() ? "UNKNOWN_ERROR_CODE" : name;
}

}  // namespace

void Http2Connection::Direction::feed(const ks_transfer_event& event, std::string_view bytes) {
  reader.feed(event.ordinal, bytes, *this);
  const http2::DirectionCounters& now = reader.counters();
  for (const DirectionCounter& counter : kDirectionCounters) {
    c_.env_.counters.directions.*counter.field += now.*counter.field - counted_.*counter.field;
  }
  counted_ = now;
}

bool Http2Connection::Direction::is_request() const {
  return (direction_ == KS_RECV) == (c_.role_ == Role::kServer);
}

void Http2Connection::Direction::on_headers(std::uint32_t stream, std::int32_t offset,
                                            const http2::HeaderBlock& block, bool end_stream) {
  Http2Counters& counters = c_.env_.counters.http2;
  if (stream % 2 == 0) {
    ++counters.pushed;
    return;
  }
  Http2HeadScratch scratch;
  const Http2Head head = read_head(block, scratch);
  if (head.incomplete) ++c_.env_.counters.heads_truncated;
  if (!c_.decide_role(head, direction_ == KS_RECV)) {
    ++counters.blocks_without_role;
    return;
  }
  if (is_request() ? head.has_status : head.has_request_fields) {
    ++counters.role_conflicts;
    return;
  }
  if (is_request()) {
    c_.on_request_head(stream, offset, head, end_stream);
  } else {
    c_.on_response_head(stream, head, end_stream);
  }
}

void Http2Connection::Direction::on_message(const ks_http2_message& message, std::int32_t) {
  Stream* stream = c_.find(message.stream);
  if (!stream) return;
  StreamFacts& facts = *stream->exchange->stream;
  MessageFlow& flow = is_request() ? facts.request : facts.response;
  ++flow.messages;
  flow.bytes += message.length;
  c_.touch(*stream);
  if (!stream->announced || stream->exchange->ended) return;
  if (std::exchange(c_.moving_, stream->exchange.get()) == stream->exchange.get()) return;
  c_.env_.observer.on_message(*stream->exchange, *c_.caller_, is_request());
}

void Http2Connection::Direction::on_data(const ks_http2_data& data, std::int32_t) {
  const auto place = c_.streams_.find(data.stream);
  if (place == c_.streams_.end()) return;
  Stream& stream = place->second;
  c_.touch(stream);
  Http2Half& half = is_request() ? stream.request : stream.response;
  half.told = true;
  half.told_ns = c_.event_->header.ts_ns;
  half.told_all = !(data.flags & KS_HTTP2_DATA_UNCOUNTED);
  half.told_messages = data.messages;
  half.told_bytes = data.bytes;
  if (!(data.flags & KS_HTTP2_DATA_END)) return;
  if (!is_request()) return c_.response_over(place);
  c_.request_over(stream);
  if (stream.exchange->ended) c_.streams_.erase(place);
}

void Http2Connection::Direction::on_reset(std::uint32_t id, std::uint32_t error_code) {
  const auto place = c_.streams_.find(id);
  if (place == c_.streams_.end()) return;
  Stream& stream = place->second;
  Exchange& exchange = *stream.exchange;
  if (exchange.ended) {
    c_.streams_.erase(place);
    return;
  }
  if (stream.response.ended) return;
  ++c_.env_.counters.http2.resets;
  exchange.stream->reset = name_of(error_code);
  exchange.stream->reset_by_client = is_request();
  stream.reset_code = error_code;
  // After a loss the answer may have been complete.
  const bool may_be_complete = error_code == http2::kNoError && c_.gaps_of(stream).response;
  if (!may_be_complete) exchange.error_type = exchange.stream->reset;
  c_.end_response(place, is_request() ? nullptr : c_.caller_);
}

void Http2Connection::Direction::on_goaway(std::uint32_t last_stream, std::uint32_t error_code) {
  // Of a client's, what it says concerns streams that the server has pushed.
  if (!c_.role_ || is_request()) return;
  for (auto place = c_.streams_.begin(); place != c_.streams_.end();) {
    const auto at = place++;
    Stream& stream = at->second;
    if (at->first <= last_stream || stream.exchange->ended || stream.response.ended) continue;
    ++c_.env_.counters.http2.refused_by_goaway;
    stream.refused = true;
    stream.exchange->error_type = error_code == http2::kNoError ? "GOAWAY" : name_of(error_code);
    c_.end_response(at, c_.caller_);
  }
}

void Http2Connection::Direction::on_header_table_size(std::uint32_t bytes) {
  c_.directions_[direction_ == KS_SEND ? KS_RECV : KS_SEND].reader.limit_header_table(bytes);
}

void Http2Connection::Direction::on_lost() {
  ++gaps;
  ++c_.env_.counters.gaps;
  if (c_.event_) c_.lost_ns_ = c_.event_->header.ts_ns;
  if (c_.role_ && !is_request()) return;
  c_.numbers_certain_ = false;
  c_.request_seen_ = true;
}

}  // namespace kernspan
