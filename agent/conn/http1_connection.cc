#include "agent/conn/http1_connection.h"

#include <algorithm>
#include <utility>

#include "agent/conn/capture_fields.h"
#include "agent/protocol/grpc/status.h"
#include "agent/protocol/http1/characters.h"

namespace kernspan {
namespace {

using http1::BodyRule;
using http1::MessageEnd;
using http1::MessageKind;

// Answers that last until one side has had enough: https://html.spec.whatwg.org/#server-sent-events
bool is_event_stream(std::string_view content_type) {
  constexpr std::string_view kEventStream = "text/event-stream";
  return http1::equals_ignoring_case(content_type.substr(0, kEventStream.size()), kEventStream);
}

}  // namespace

Http1Connection::Http1Connection(std::uint64_t cookie, ConnEnvironment& environment)
    : cookie_(cookie), env_(environment) {}

Http1Connection::~Http1Connection() = default;

// --- transfers --------------------------------------------------------------------------------

void Http1Connection::on_transfer(const ks_transfer_event& event, std::string_view bytes,
                                  const Caller& caller) {
  if (phase_ == Phase::kHandedOff) return;
  if (phase_ == Phase::kUndecided && !decide_role(event, bytes)) {
    ++env_.counters.before_first_start;
    return;
  }
  event_ = &event;
  caller_ = &caller;
  Stream& stream = stream_of(event.direction);
  const bool is_request = &stream == &requests_;
  http1::MessageSink& sink = is_request ? static_cast<http1::MessageSink&>(request_side_)
                                        : static_cast<http1::MessageSink&>(response_side_);
  if (event.flags & KS_EOF) {
    stream.parser.finish(sink);
    // A client whose peer has finished gets no further answers; a server may still send them.
    if (role_ == Role::kClient) end_all_closed(kConnectionClosed);
  } else {
    advance(stream, sink, event, bytes);
  }
  announce_request();
  if (const ExchangePtr& moving = is_request ? request_ : response_to_) {
    moving->last_activity_ns = event.header.ts_ns;
  }
  stream.last_ns = event.header.ts_ns;
  event_ = nullptr;
  caller_ = nullptr;
}

bool Http1Connection::decide_role(const ks_transfer_event& event, std::string_view bytes) {
  if (!(event.flags & KS_HEAD_START)) return false;
  const bool received = event.direction == KS_RECV;
  // The first message of a connection is a request, unless the record of that was lost, or a server
  // closes a connection that stayed idle with a 408.
  const bool is_response = http1::looks_like_start(MessageKind::kResponse, bytes);
  if (event.flags & KS_MIDSTREAM && !is_response &&
      !http1::looks_like_start(MessageKind::kRequest, bytes)) {
    return false;
  }
  role_ = received == is_response ? Role::kClient : Role::kServer;
  local_ = local_address(event);
  remote_ = remote_address(event);
  phase_ = Phase::kOpen;
  return true;
}

void Http1Connection::advance(Stream& stream, http1::MessageSink& sink,
                              const ks_transfer_event& event, std::string_view bytes) {
  const std::uint32_t piece_seq = event.tcp_seq + event.piece_offset;
  const bool is_response = &stream == &responses_;
  if (!stream.started) {
    if (!(event.flags & KS_HEAD_START)) {
      ++env_.counters.before_first_start;
      if (is_response) lose_answers();
      return;
    }
    stream.started = true;
    stream.next_seq = piece_seq;
    // Of a connection's first response it must be certain that none came before it.
    const std::size_t certain = event.flags & KS_STREAM_START ? env_.pipelined_max
                                : event.flags & KS_MIDSTREAM  ? 1
                                                              : 0;
    if (is_response && open_.size() > certain) {
      ++env_.counters.gaps;
      lose_answers();
    }
  }
  const auto ahead = static_cast<std::int32_t>(piece_seq - stream.next_seq);
  if (ahead > 0) {
    if (is_response && !body_accounts_for_gap()) lose_answers();
    stream.parser.skip(static_cast<std::uint32_t>(ahead), {}, sink);
  } else if (ahead < 0) {
    ++env_.counters.sequence_backwards;
    stream.parser.lose(sink);
  } else if (is_response && unmatched_head_ && event.flags & KS_HEAD_START &&
             stream.parser.in_body() && http1::looks_like_start(MessageKind::kResponse, bytes)) {
    // A response right behind the head of one whose request was not seen: that was a HEAD.
    stream.parser.lose(sink);
  }
  stream.next_seq = piece_seq;
  if (!bytes.empty()) {
    unmatched_head_ = unmatched_head_ && !is_response;
    if (stream.parser.feed(bytes, sink) == ParseOutcome::kHandOff) {
      // What was sent behind the upgrade has no answer of its own.
      end_all_partial("handed_off", env_.counters.partial_handed_off);
      if (upgraded_) open_.push_back(upgraded_);
      phase_ = Phase::kHandedOff;
      ++env_.counters.handed_off;
      return;
    }
    stream.next_seq += static_cast<std::uint32_t>(bytes.size());
  }
  if (event.flags & KS_MORE_PIECES) return;
  const std::uint32_t rest = event.tcp_seq + event.transfer_bytes - stream.next_seq;
  if (static_cast<std::int32_t>(rest) <= 0) return;
  const std::size_t tail_bytes = std::min<std::size_t>({event.tail_bytes, KS_TAIL_BYTES_MAX, rest});
  const char* tail = reinterpret_cast<const char*>(event.tail) + event.tail_bytes - tail_bytes;
  if (is_response) {
    unmatched_head_ = false;
    if (tail_bytes < rest && stream.parser.at_message_boundary()) lose_answers();
  }
  stream.parser.skip(rest, {tail, tail_bytes}, sink);
  stream.next_seq += rest;
}

// True if the response bytes that went by without a record are surely those of the body in
// progress. Of a body whose length is not known the kernel side sends all records, so some were
// lost; if the next request has come since, its answer may be among them.
bool Http1Connection::body_accounts_for_gap() const {
  if (responses_.parser.at_message_boundary()) return false;
  return response_to_ || !response_length_open_ || !responses_.parser.in_body();
}

// Response bytes went by unseen that no body accounts for: they may be the answers to all that is
// open, so none of that may be paired with what comes next.
void Http1Connection::lose_answers() {
  end_all_partial("stream_gap", env_.counters.partial_gap);
}

// --- requests ---------------------------------------------------------------------------------

void Http1Connection::RequestSide::on_begin() {
  c_.announce_request();
  c_.begin_seq_ = c_.requests_.next_seq;
  c_.begin_ns_ = c_.event_->header.ts_ns;
  // Whoever sends the next request has had the whole answer, or reads it no more: that is how an
  // answer of unknown length ends when its last bytes were not seen.
  if (c_.open_.size() == 1 && c_.response_to_ && c_.response_length_open_ && !c_.interim_) {
    c_.end_exchange(c_.response_to_, c_.responses_.last_ns);
  }
}

void Http1Connection::fill_request(Exchange& exchange, const http1::Head& head) {
  exchange.role = role_;
  exchange.tgid = event_->tgid;
  exchange.connection = cookie_;
  exchange.local = local_;
  exchange.remote = remote_;
  exchange.request_seq = begin_seq_;
  exchange.shed_step = shed_step_of(*event_);
  exchange.start_ns = begin_ns_;
  exchange.last_activity_ns = event_->header.ts_ns;
  exchange.method = head.method;
  exchange.target = head.target;
  exchange.host = head.host;
  exchange.user_agent = head.user_agent;
  exchange.version = head.version_minor == 0 ? HttpVersion::k10 : HttpVersion::k11;
  exchange.head_truncated = head.truncated;
  exchange.header_context = extract({.traceparent = head.traceparent,
                                     .tracestate = head.tracestate,
                                     .b3 = head.b3,
                                     .b3_trace_id = head.b3_trace_id,
                                     .b3_span_id = head.b3_span_id,
                                     .b3_parent_span_id = head.b3_parent_span_id,
                                     .b3_sampled = head.b3_sampled,
                                     .b3_flags = head.b3_flags});
  note_rpc(exchange, head);
  capture_fields(head, env_, exchange);
}

// gRPC-Web. Its status is in the body, except where there is none.
void Http1Connection::note_rpc(Exchange& exchange, const http1::Head& head) const {
  const grpc::Protocol protocol = grpc::protocol_of(head.content_type);
  if (head.kind == http1::MessageKind::kRequest) {
    if (protocol == grpc::Protocol::kNone) return;
    StreamFacts& facts = exchange.add_stream();
    facts.rpc = protocol;
    facts.timeout_ns = grpc::parse_timeout(head.grpc_timeout);
    facts.request.messages_known = facts.request.bytes_known = false;
    facts.response.messages_known = facts.response.bytes_known = false;
    return;
  }
  if (!exchange.stream) return;
  exchange.stream->rpc_status = grpc::parse_status(head.grpc_status);
  if (!exchange.stream->rpc_status && head.status != 200) {
    exchange.stream->rpc_status = grpc::status_of_http(head.status);
    exchange.stream->rpc_status_derived = true;
  }
}

BodyRule Http1Connection::RequestSide::on_head(const http1::Head& head) {
  if (head.truncated) ++c_.env_.counters.heads_truncated;
  if (c_.open_.size() >= c_.env_.pipelined_max) {
    ++c_.env_.counters.pipeline_limit;
    c_.end_all_partial("pipeline_limit", c_.env_.counters.partial_gap);
    return BodyRule::kByHead;
  }
  ExchangePtr exchange = c_.env_.pool.acquire();
  if (!exchange) {
    // The response to this one must not be paired with a later request.
    ++c_.env_.counters.exchange_limit;
    c_.end_all_partial("exchange_limit", c_.env_.counters.partial_gap);
    return BodyRule::kByHead;
  }
  ++c_.env_.counters.exchanges_opened;
  c_.fill_request(*exchange, head);
  c_.request_ = exchange;
  c_.open_.push_back(std::move(exchange));
  c_.request_unannounced_ = true;
  return BodyRule::kByHead;
}

void Http1Connection::announce_request() {
  if (!request_unannounced_) return;
  request_unannounced_ = false;
  const bool first = !request_seen_ && event_ && !(event_->flags & KS_MIDSTREAM);
  request_seen_ = true;
  env_.observer.on_request(*request_, *caller_, first);
}

void Http1Connection::RequestSide::on_end(MessageEnd end, std::optional<std::uint64_t> body_bytes) {
  const ExchangePtr exchange = std::exchange(c_.request_, {});
  if (!exchange) return;
  exchange->request_body_bytes = body_bytes;
  exchange->request_complete = end == MessageEnd::kComplete || end == MessageEnd::kSuperseded;
  if (c_.event_) exchange->last_activity_ns = c_.event_->header.ts_ns;
  if (c_.request_unannounced_) {
    c_.request_ = exchange;
    c_.announce_request();
    c_.request_ = {};
  } else if (c_.caller_ && !exchange->ended) {
    c_.env_.observer.on_request_complete(*exchange, *c_.caller_);
  }
}

void Http1Connection::RequestSide::on_invalid(std::string_view) {
  ++c_.env_.counters.invalid_requests;
  c_.announce_request();
  c_.request_ = {};
}

void Http1Connection::RequestSide::on_lost() {
  c_.announce_request();
  // A head that was cut loses the place in its body, but no message.
  const bool only_body = c_.request_ && c_.request_->head_truncated;
  c_.request_ = {};
  if (only_body) return;
  ++c_.env_.counters.gaps;
  c_.end_all_partial("stream_gap", c_.env_.counters.partial_gap);
}

// --- responses --------------------------------------------------------------------------------

void Http1Connection::ResponseSide::on_begin() {
  c_.interim_ = false;
  c_.response_length_open_ = false;
  c_.event_stream_ = false;
  c_.response_to_ = c_.open_.empty() ? ExchangePtr() : c_.open_.front();
  if (!c_.response_to_) {
    ++c_.env_.counters.unmatched_responses;
    return;
  }
  if (c_.response_to_->response_begun) return;  // after a 1xx
  c_.response_to_->response_begun = true;
  c_.response_to_->last_activity_ns = c_.event_->header.ts_ns;
  c_.announce_request();
  c_.env_.observer.on_response_begin(*c_.response_to_, *c_.caller_);
}

BodyRule Http1Connection::ResponseSide::on_head(const http1::Head& head) {
  if (head.truncated) ++c_.env_.counters.heads_truncated;
  c_.interim_ = head.status >= 100 && head.status < 200 && head.status != 101;
  if (c_.interim_) return BodyRule::kByHead;
  c_.response_length_open_ = !head.content_length || head.chunked;
  c_.unmatched_head_ = !c_.response_to_;
  if (!c_.response_to_) return BodyRule::kByHead;
  Exchange& exchange = *c_.response_to_;
  exchange.status = head.status;
  exchange.last_activity_ns = c_.event_->header.ts_ns;
  exchange.head_truncated = exchange.head_truncated || head.truncated;
  c_.event_stream_ = is_event_stream(head.content_type);
  c_.note_rpc(exchange, head);
  capture_fields(head, c_.env_, exchange);
  if (head.status == 101) {
    c_.upgrading_ = http1::equals_ignoring_case(head.upgrade, "h2c");
    return BodyRule::kTunnel;
  }
  if (exchange.method == "CONNECT" && head.status >= 200 && head.status < 300)
    return BodyRule::kTunnel;
  if (exchange.method == "HEAD") return BodyRule::kNone;
  return BodyRule::kByHead;
}

void Http1Connection::ResponseSide::on_end(MessageEnd end,
                                           std::optional<std::uint64_t> body_bytes) {
  if (c_.interim_) {
    c_.interim_ = false;
    return;
  }
  const ExchangePtr exchange = std::exchange(c_.response_to_, {});
  if (!exchange || exchange->ended) return;
  if (c_.upgrading_) {
    // Answered in HTTP/2; what was read of an answer so far only agrees to that.
    std::erase(c_.open_, exchange);
    exchange->status = 0;
    c_.upgraded_ = exchange;
    return;
  }
  exchange->response_body_bytes = body_bytes;
  if (end == MessageEnd::kAborted) {
    if (!c_.event_stream_) exchange->error_type = kConnectionClosed;
    exchange->response_body_bytes = std::nullopt;
  }
  const bool ends_now = end == MessageEnd::kComplete && c_.event_;
  c_.end_exchange(exchange, ends_now ? c_.event_->header.ts_ns : c_.responses_.last_ns);
}

void Http1Connection::ResponseSide::on_invalid(std::string_view) {
  ++c_.env_.counters.invalid_responses;
  c_.end_all_partial("invalid_response", c_.env_.counters.partial_invalid);
}

void Http1Connection::ResponseSide::on_lost() {
  const ExchangePtr exchange = c_.response_to_;
  if (exchange && exchange->status != 0 && exchange->head_truncated) {
    // The status is known, the length is not: the exchange ends with what was seen.
    c_.end_exchange(exchange, c_.event_ ? c_.event_->header.ts_ns : c_.responses_.last_ns);
    return;
  }
  ++c_.env_.counters.gaps;
  c_.end_all_partial("stream_gap", c_.env_.counters.partial_gap);
}

// --- ends -------------------------------------------------------------------------------------

void Http1Connection::end_exchange(ExchangePtr exchange, std::uint64_t end_ns) {
  announce_request();
  std::erase(open_, exchange);
  if (response_to_ == exchange) response_to_ = {};
  if (upgraded_ == exchange) upgraded_ = {};
  if (request_ == exchange) request_ = {};
  exchange->end_ns = std::max({end_ns, exchange->start_ns, exchange->last_activity_ns});
  exchange->ended = true;
  ++env_.counters.exchanges_ended;
  // Sending the next request may show that the answer to the last one is over; that reads nothing.
  const bool is_answer = event_ && &stream_of(event_->direction) == &responses_;
  env_.observer.on_end(exchange, is_answer ? caller_ : nullptr);
}

void Http1Connection::end_all_partial(std::string_view reason, std::uint64_t& counter) {
  announce_request();
  while (!open_.empty()) {
    const ExchangePtr exchange = open_.front();
    exchange->partial = reason;
    ++counter;
    end_exchange(exchange, exchange->last_activity_ns);
  }
}

void Http1Connection::end_all_closed(std::string_view error_type) {
  while (!open_.empty()) {
    const ExchangePtr exchange = open_.front();
    exchange->error_type = error_type;
    end_exchange(exchange, event_ ? event_->header.ts_ns : exchange->last_activity_ns);
  }
}

void Http1Connection::on_close(const ks_close_event& event) {
  if (phase_ != Phase::kOpen && open_.empty()) return;
  Stream& sending = role_ == Role::kServer ? responses_ : requests_;
  if (event.stage == KS_CLOSE_WRITE && event.error == 0) {
    if (&sending == &responses_) {
      sending.parser.finish(response_side_);
    } else {
      sending.parser.finish(request_side_);
    }
    return;
  }
  if (event.stage != KS_CLOSE_FINAL) return;
  closed_ns_ = event.header.ts_ns;
  requests_.parser.finish(request_side_);
  // A client that has half-closed loses its connection when the server's FIN comes, maybe before it
  // has read what came with it.
  if (role_ == Role::kClient && event.error == 0 && !open_.empty()) return;
  if (event.error == 0) responses_.parser.finish(response_side_);
  while (!open_.empty()) {
    const ExchangePtr exchange = open_.front();
    exchange->error_type = close_error_type(event.error);
    end_exchange(exchange, event.header.ts_ns);
  }
  phase_ = Phase::kHandedOff;
}

void Http1Connection::end_all_unread() {
  responses_.parser.finish(response_side_);
  while (!open_.empty()) {
    const ExchangePtr exchange = open_.front();
    exchange->error_type = kConnectionClosed;
    end_exchange(exchange, closed_ns_);
  }
}

void Http1Connection::expire(std::uint64_t now_ns, std::uint64_t timeout_ns) {
  if (open_.empty()) return;
  if (is_closed()) {
    if (now_ns > closed_ns_ + kUnreadWaitNs) end_all_unread();
    return;
  }
  if (open_.front()->last_activity_ns + timeout_ns >= now_ns) return;
  for (const ExchangePtr& exchange : open_) exchange->error_type = "timeout";
  end_all_partial("timeout", env_.counters.partial_timeout);
}

ExchangePtr Http1Connection::leave_for_http2() {
  std::erase(open_, upgraded_);
  end_all_partial("handed_off", env_.counters.partial_handed_off);
  phase_ = Phase::kHandedOff;
  return upgraded_ && !upgraded_->ended ? std::exchange(upgraded_, {}) : ExchangePtr();
}

void Http1Connection::abandon(std::string_view reason, std::uint64_t& counter) {
  end_all_partial(reason, counter);
}

}  // namespace kernspan
