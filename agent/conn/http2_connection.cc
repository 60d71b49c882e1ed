#include "agent/conn/http2_connection.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "agent/conn/capture_fields.h"
#include "agent/conn/http2_head.h"

namespace kernspan {
namespace {

// How long a stream may be silent after a loss before its end counts as lost. A body that moves shows
// itself at least once in 34 s (KS_HTTP2_DATA).
constexpr std::uint64_t kGapWaitNs = 40'000'000'000;
// Reports of one stream while it lives: with ages doubling, 16 are enough for three weeks.
constexpr std::uint32_t kReportsMax = 16;
constexpr std::uint32_t kPrefaceBytes = 24;
constexpr std::uint32_t kUpgradedStream = 1;

bool opens_tunnel(const Exchange& exchange, int status) {
  return exchange.method == "CONNECT" && status >= 200 && status < 300;
}

}  // namespace

Http2Connection::Http2Connection(std::uint64_t cookie, ConnEnvironment& environment,
                                 ExchangePtr upgraded)
    : cookie_(cookie), env_(environment) {
  ++env_.counters.http2.connections;
  if (!upgraded) return;
  ++env_.counters.http2.upgrades;
  Exchange& exchange = *upgraded;
  role_ = exchange.role;
  exchange.version = HttpVersion::k2;
  StreamFacts& facts = exchange.add_stream();
  facts.stream = kUpgradedStream;
  facts.scheme = "http";
  Stream& stream = streams_[kUpgradedStream];
  stream.since_ns = exchange.start_ns;
  stream.announced = true;
  stream.request.ended = true;
  stream.rpc_certain = facts.rpc != grpc::Protocol::kNone;
  stream.exchange = std::move(upgraded);
  open_count_ = 1;
  highest_request_ = kUpgradedStream;
  request_seen_ = true;
}

Http2Connection::~Http2Connection() = default;

// --- transfers --------------------------------------------------------------------------------

void Http2Connection::on_transfer(const ks_transfer_event& event, std::string_view bytes,
                                  const Caller& caller) {
  event_ = &event;
  caller_ = &caller;
  moving_ = nullptr;
  if (event.flags & KS_EOF) {
    // A client whose peer has finished gets no further answers; a server may still send them.
    if (role_ == Role::kClient) end_all(kConnectionClosed, event.header.ts_ns);
  } else if (event.flags & KS_HTTP2) {
    if (!role_) note_preface(event, bytes);
    directions_[event.direction == KS_SEND ? KS_SEND : KS_RECV].feed(event, bytes);
  } else {
    ++env_.counters.http2.not_http2;
  }
  event_ = nullptr;
  caller_ = nullptr;
}

// Where the first frame of a direction is not its first byte, the client's preface came before.
void Http2Connection::note_preface(const ks_transfer_event& event, std::string_view bytes) {
  ks_http2_item item;
  if (!(event.flags & KS_STREAM_START) || bytes.size() < sizeof item) return;
  std::memcpy(&item, bytes.data(), sizeof item);
  if (item.kind != KS_HTTP2_START || item.offset != kPrefaceBytes) return;
  role_ = event.direction == KS_SEND ? Role::kClient : Role::kServer;
}

bool Http2Connection::decide_role(const Http2Head& head, bool received) {
  if (head.has_request_fields == head.has_status) return role_.has_value();
  const Role role = head.has_request_fields == received ? Role::kServer : Role::kClient;
  if (!role_) role_ = role;
  return true;
}

// --- requests ---------------------------------------------------------------------------------

void Http2Connection::on_request_head(std::uint32_t id, std::int32_t offset, const Http2Head& head,
                                      bool end_stream) {
  const auto found = streams_.find(id);
  Stream* stream = found == streams_.end() ? nullptr : &found->second;
  if (stream && stream->announced) {  // trailers
    touch(*stream);
    if (!end_stream) return;
    request_over(*stream);
    if (stream->exchange->ended) streams_.erase(found);
    return;
  }
  if (!head.has_request_fields && !(numbers_certain_ && id > highest_request_)) {
    ++env_.counters.http2.blocks_unmatched;
    return;
  }
  numbers_certain_ = numbers_certain_ || head.has_request_fields;
  highest_request_ = std::max(highest_request_, id);
  if (!stream) stream = add_stream(id);
  if (!stream) return;
  stream->request.ended = end_stream;
  open(*stream, id, offset, head);
  if (!stream->response.ended) return;
  close_stream(*stream, stream->exchange->end_ns, nullptr);
  if (stream->request.ended) streams_.erase(id);
}

Http2Connection::Stream* Http2Connection::add_stream(std::uint32_t id) {
  if (streams_.size() >= env_.streams_max) {
    ++env_.counters.stream_limit;
    return nullptr;
  }
  ExchangePtr exchange = env_.pool.acquire();
  if (!exchange) {
    ++env_.counters.exchange_limit;
    return nullptr;
  }
  exchange->add_stream().stream = id;
  exchange->last_activity_ns = event_->header.ts_ns;
  Stream& stream = streams_[id];
  stream.since_ns = event_->header.ts_ns;
  stream.request.gaps_before = requests().gaps;
  stream.response.gaps_before = responses().gaps;
  stream.exchange = std::move(exchange);
  return &stream;
}

void Http2Connection::open(Stream& stream, std::uint32_t id, std::int32_t offset,
                           const Http2Head& head) {
  Exchange& exchange = *stream.exchange;
  exchange.role = *role_;
  exchange.tgid = event_->tgid;
  exchange.connection = cookie_;
  exchange.local = local_address(*event_);
  exchange.remote = remote_address(*event_);
  exchange.request_seq = event_->tcp_seq + static_cast<std::uint32_t>(offset);
  exchange.shed_step = shed_step_of(*event_);
  exchange.start_ns = stream.since_ns;
  exchange.version = HttpVersion::k2;
  exchange.method = head.method;
  exchange.target = head.method == "CONNECT" && head.path.empty() ? head.authority : head.path;
  exchange.host = head.authority.empty() ? head.host : head.authority;
  exchange.user_agent = head.user_agent;
  exchange.head_truncated = exchange.head_truncated || head.incomplete;
  exchange.header_context = head.trace_context();
  capture_fields(head, false, env_, exchange);
  exchange.request_complete = stream.request.ended;
  if (stream.request.ended) exchange.request_body_bytes = 0;

  StreamFacts& facts = *exchange.stream;
  facts.stream = id;
  facts.scheme = head.scheme;
  facts.timeout_ns = grpc::parse_timeout(head.grpc_timeout);
  stream.request.unknown = !head.is_whole();
  if (!head.content_type.empty() || head.is_whole()) {
    facts.rpc = grpc::protocol_of(head.content_type);
    stream.rpc_certain = true;
  } else if (head.has_grpc_fields) {
    facts.rpc = grpc::Protocol::kGrpc;
    stream.rpc_certain = true;
  } else {
    stream.rpc_certain = !head.method.empty() && head.method != "POST";
  }

  const bool first = !request_seen_ && !(event_->flags & KS_MIDSTREAM);
  request_seen_ = true;
  stream.announced = true;
  moving_ = &exchange;
  ++open_count_;
  ++env_.counters.exchanges_opened;
  env_.observer.on_request(exchange, *caller_, first);
  if (const auto call = env_.calls.take(cookie_, id)) take_call(stream, *call);
}

// --- what the program says ----------------------------------------------------------------------

bool Http2Connection::on_grpc_call(const GrpcCall& call) {
  Stream* stream = find(call.stream);
  // A number that has been used and is not open any more is too late; nobody will ask for it again.
  if (!stream && role_ && call.stream <= highest_request_) {
    ++env_.counters.http2.calls_late;
    return true;
  }
  if (!stream || !stream->announced) return false;
  take_call(*stream, call);
  return true;
}

void Http2Connection::take_call(Stream& stream, const GrpcCall& call) {
  if (stream.exchange->ended) {
    ++env_.counters.http2.calls_late;
    return;
  }
  switch (stream.take(call)) {
    case Http2Stream::CallFit::kConflict:
      ++env_.counters.http2.calls_conflicting;
      return;
    case Http2Stream::CallFit::kLearned:
      ++env_.counters.http2.methods_learned;
      break;
    case Http2Stream::CallFit::kKnown:
      break;
  }
  ++env_.counters.http2.calls_matched;
  env_.observer.on_grpc_call(*stream.exchange, call);
}

void Http2Connection::request_over(Stream& stream) {
  if (stream.request.ended) return;
  Exchange& exchange = *stream.exchange;
  stream.request.end(exchange.stream->request, event_->header.ts_ns);
  if (stream.request.told_all) exchange.request_body_bytes = stream.request.told_bytes;
  exchange.request_complete = true;
  if (exchange.ended || !stream.announced) return;
  moving_ = &exchange;
  env_.observer.on_request_complete(exchange, *caller_);
}

// --- responses --------------------------------------------------------------------------------

void Http2Connection::on_response_head(std::uint32_t id, const Http2Head& head, bool end_stream) {
  auto place = streams_.find(id);
  if (place == streams_.end()) {
    // At a client the record of the request may still come, if it was sent by another thread.
    if (*role_ == Role::kServer || id <= highest_request_ || !add_stream(id)) {
      ++env_.counters.unmatched_responses;
      return;
    }
    ++env_.counters.http2.early_responses;
    place = streams_.find(id);
  }
  Stream& stream = place->second;
  if (stream.response.ended) return;
  Exchange& exchange = *stream.exchange;
  StreamFacts& facts = *exchange.stream;
  touch(stream);
  if (head.status >= 100 && head.status < 200) return;
  exchange.head_truncated = exchange.head_truncated || head.incomplete;
  stream.response.unknown = stream.response.unknown || !head.is_whole();
  if (head.status != 0) exchange.status = head.status;
  if (!stream.rpc_certain && (!head.content_type.empty() || head.has_grpc_fields)) {
    facts.rpc =
        head.content_type.empty() ? grpc::Protocol::kGrpc : grpc::protocol_of(head.content_type);
    stream.rpc_certain = true;
  }
  if (!head.grpc_status.empty()) facts.rpc_status = grpc::parse_status(head.grpc_status);
  // Without a status it is the trailers, unless the status is what is not known.
  const bool is_final_head = head.has_status || !stream.response_begun;
  const bool is_first_head = !stream.response_begun;
  if (is_final_head && !stream.response_begun) {
    stream.response_begun = true;
    // Whatever was missed came before this response.
    if (head.has_status) stream.response.gaps_before = responses().gaps;
    if (end_stream && head.has_status) {  // no body
      stream.response.told = stream.response.told_all = true;
      stream.response.told_ns = event_->header.ts_ns;
    }
    if (!exchange.response_begun) {
      exchange.response_begun = true;
      if (stream.announced) env_.observer.on_response_begin(exchange, *caller_);
    }
  }
  // Trailers are metadata of gRPC calls, but no header fields of HTTP.
  if (is_first_head || facts.rpc != grpc::Protocol::kNone) {
    capture_fields(head, true, env_, exchange);
  }
  stream.trailers_seen = stream.trailers_seen || end_stream;
  if (end_stream || opens_tunnel(exchange, head.status)) response_over(place);
}

void Http2Connection::response_over(Streams::iterator place) {
  Stream& stream = place->second;
  if (stream.response.ended) return;
  Exchange& exchange = *stream.exchange;
  stream.response.end(exchange.stream->response, event_->header.ts_ns);
  if (stream.response.told_all) exchange.response_body_bytes = stream.response.told_bytes;
  end_response(place, caller_);
}

// --- ends -------------------------------------------------------------------------------------

// The response is over, complete or not. The stream stays while its request may still be counted.
void Http2Connection::end_response(Streams::iterator place, const Caller* caller) {
  Stream& stream = place->second;
  const std::uint64_t now_ns = event_->header.ts_ns;
  stream.response.ended = true;
  if (!stream.announced) {
    stream.exchange->end_ns = now_ns;  // until its request is seen
    return;
  }
  close_stream(stream, now_ns, caller);
  const bool request_may_follow =
      *role_ == Role::kClient && !stream.request.ended && stream.exchange->error_type.empty();
  if (!request_may_follow) streams_.erase(place);
}

void Http2Connection::close_stream(Stream& stream, std::uint64_t end_ns, const Caller* caller) {
  const ExchangePtr exchange = stream.exchange;
  exchange->end_ns = std::max({end_ns, exchange->start_ns, exchange->last_activity_ns});
  const bool was_partial = !exchange->partial.empty();
  stream.settle(gaps_of(stream));
  if (!was_partial) count_partial(exchange->partial);
  exchange->ended = true;
  --open_count_;
  ++env_.counters.exchanges_ended;
  env_.observer.on_end(exchange, caller);
}

void Http2Connection::count_partial(std::string_view reason) {
  if (reason == kStreamGap) ++env_.counters.partial_gap;
  if (reason == kHeadersUnknown) ++env_.counters.partial_headers_unknown;
  if (reason == kFieldsUnknown) ++env_.counters.partial_fields_unknown;
}

void Http2Connection::end_all(std::string_view error_type, std::uint64_t end_ns) {
  for (auto& [id, stream] : streams_) {
    if (!stream.announced || stream.exchange->ended) continue;
    stream.exchange->error_type = error_type;
    stream.given_up = closed_here_ && *role_ == Role::kClient;
    close_stream(stream, end_ns, nullptr);
  }
  streams_.clear();
}

void Http2Connection::on_close(const ks_close_event& event) {
  closed_here_ = closed_here_ || (event.stage == KS_CLOSE_WRITE && event.error == 0);
  if (event.stage != KS_CLOSE_FINAL) return;
  closed_ns_ = event.header.ts_ns;
  // The answer may have come before the end of the connection, and not have been read yet.
  if (role_ == Role::kClient && event.error == 0 && open_count_ > 0) return;
  end_all(close_error_type(event.error), closed_ns_);
}

void Http2Connection::abandon(std::string_view reason, std::uint64_t& counter) {
  for (auto& [id, stream] : streams_) {
    if (!stream.announced || stream.exchange->ended) continue;
    stream.exchange->partial = reason;
    ++counter;
    close_stream(stream, stream.exchange->last_activity_ns, nullptr);
  }
  streams_.clear();
}

void Http2Connection::expire(std::uint64_t now_ns, std::uint64_t timeout_ns) {
  if (is_closed()) {
    if (now_ns > closed_ns_ + kUnreadWaitNs) end_all(kConnectionClosed, closed_ns_);
    return;
  }
  for (auto place = streams_.begin(); place != streams_.end();) {
    place =
        expire_stream(place->second, now_ns, timeout_ns) ? streams_.erase(place) : std::next(place);
  }
}

bool Http2Connection::expire_stream(Stream& stream, std::uint64_t now_ns,
                                    std::uint64_t timeout_ns) {
  Exchange& exchange = *stream.exchange;
  if (!stream.announced) {
    if (stream.since_ns + kUnreadWaitNs >= now_ns) return false;
    ++env_.counters.unmatched_responses;
    return true;
  }
  if (exchange.ended) return exchange.end_ns + kUnreadWaitNs < now_ns;
  const Http2Gaps gaps = gaps_of(stream);
  if ((gaps.request || gaps.response) &&
      std::max(exchange.last_activity_ns, lost_ns_) + kGapWaitNs < now_ns) {
    exchange.partial = kStreamGap;
    ++env_.counters.partial_gap;
  } else if (!stream.response_begun && exchange.last_activity_ns + timeout_ns < now_ns) {
    exchange.error_type = exchange.partial = "timeout";
    ++env_.counters.partial_timeout;
  } else {
    report_if_due(stream.exchange, now_ns);
    return false;
  }
  close_stream(stream, exchange.last_activity_ns, nullptr);
  return true;
}

void Http2Connection::report_if_due(const ExchangePtr& exchange, std::uint64_t now_ns) {
  StreamFacts& facts = *exchange->stream;
  if (env_.stream_report_interval_ns == 0 || facts.reports >= kReportsMax) return;
  const std::uint64_t due_age_ns = env_.stream_report_interval_ns << facts.reports;
  if (exchange->start_ns + due_age_ns > now_ns) return;
  ++facts.reports;
  ++env_.counters.http2.interim_reports;
  env_.observer.on_interim(exchange);
}

// --- streams ----------------------------------------------------------------------------------

Http2Connection::Stream* Http2Connection::find(std::uint32_t id) {
  const auto place = streams_.find(id);
  return place == streams_.end() ? nullptr : &place->second;
}

void Http2Connection::touch(Stream& stream) const {
  if (!stream.exchange->ended) stream.exchange->last_activity_ns = event_->header.ts_ns;
}

}  // namespace kernspan
