#include "agent/conn/http2_stream.h"

#include "agent/protocol/grpc/status.h"
#include "agent/protocol/http2/error_code.h"

namespace kernspan {
namespace {

constexpr std::uint64_t kMessagePrefixBytes = 5;

// Deadlines are rounded when they are sent, by up to one percent, and counted from a moment before.
bool deadline_has_passed(std::uint64_t timeout_ns, std::uint64_t elapsed_ns) {
  constexpr std::uint64_t kSlackNs = 1'000'000;
  return elapsed_ns + elapsed_ns / 50 + kSlackNs >= timeout_ns;
}

}  // namespace

void Http2Half::end(MessageFlow& flow, std::uint64_t now_ns) {
  ended = true;
  told_at_end = told_all && told_ns == now_ns;
  if (told_all) {
    flow.bytes_known = flow.messages == told_messages;
    flow.messages = told_messages;
  } else if (told || flow.messages == 0) {
    flow.messages_known = flow.bytes_known = false;
  }
}

Http2Stream::CallFit Http2Stream::take(const GrpcCall& call) {
  if (call.role != exchange->role) return CallFit::kConflict;
  if (call.method.empty()) return CallFit::kKnown;
  const bool is_unknown = exchange->target.empty();
  if (!is_unknown && exchange->target != call.method) return CallFit::kConflict;
  exchange->target = call.method;
  if (exchange->method.empty()) exchange->method = "POST";
  if (!rpc_certain) exchange->stream->rpc = grpc::Protocol::kGrpc;
  rpc_certain = true;
  return is_unknown ? CallFit::kLearned : CallFit::kKnown;
}

void Http2Stream::settle(Http2Gaps gaps) {
  settle_messages(gaps);
  settle_rpc_by_shape();
  settle_rpc_status(gaps);
  if (exchange->partial.empty()) exchange->partial = partial_reason(gaps);
}

// Whether the messages that were seen are all there were.
void Http2Stream::settle_messages(Http2Gaps gaps) {
  StreamFacts& facts = *exchange->stream;
  if (gaps.request) {
    facts.request.bytes_known = false;
    if (!request.told_at_end) facts.request.messages_known = false;
  }
  if (gaps.response) {
    facts.response.bytes_known = false;
    if (!response.told_at_end) facts.response.messages_known = false;
  }
}

// On a joined connection the content type may stay unknown for ever. A POST (to a method's path, or
// to one that is not known) whose body is nothing but messages, each with its prefix, and whose
// answer ends with a header block is gRPC: other protocols with such messages (Connect) end their
// answers otherwise.
void Http2Stream::settle_rpc_by_shape() {
  if (rpc_certain || !request.told_at_end) return;
  const MessageFlow& flow = exchange->stream->request;
  const bool is_framed = flow.bytes_known && flow.messages > 0 &&
                         flow.bytes + flow.messages * kMessagePrefixBytes == request.told_bytes;
  if (!is_framed) {
    rpc_certain = flow.bytes_known && request.told_bytes > 0;
    return;
  }
  const bool path_fits = exchange->target.empty() || grpc::parse_path(exchange->target);
  if (!trailers_seen || !path_fits) return;
  exchange->stream->rpc = grpc::Protocol::kGrpc;
  rpc_certain = true;
}

// What the specification says of a call that ended without a grpc-status.
void Http2Stream::settle_rpc_status(Http2Gaps gaps) {
  StreamFacts& facts = *exchange->stream;
  if (facts.rpc == grpc::Protocol::kNone || facts.rpc_status || !exchange->partial.empty()) return;
  if (refused) {
    facts.rpc_status = grpc::kUnavailable;
  } else if (!exchange->error_type.empty() && !facts.reset.empty()) {
    const bool too_late =
        reset_code == http2::kCancel && facts.timeout_ns &&
        deadline_has_passed(*facts.timeout_ns, exchange->end_ns - exchange->start_ns);
    facts.rpc_status = too_late ? grpc::kDeadlineExceeded : grpc::status_of_reset(reset_code);
  } else if (!exchange->error_type.empty()) {
    // The connection is gone: to a server that is a client that has given up.
    const bool cancelled = given_up || exchange->role == Role::kServer;
    facts.rpc_status = cancelled ? grpc::kCancelled : grpc::kUnavailable;
  } else if (response.unknown || gaps.response) {
    return;  // it may have been there
  } else if (facts.rpc != grpc::Protocol::kGrpc && exchange->status == 200) {
    return;  // gRPC-Web: it is in the body
  } else {
    facts.rpc_status = grpc::status_of_http(exchange->status);
  }
  facts.rpc_status_derived = true;
}

std::string_view Http2Stream::partial_reason(Http2Gaps gaps) const {
  const bool failed = !exchange->error_type.empty();
  const bool answered = failed || (exchange->is_grpc() ? exchange->stream->rpc_status.has_value()
                                                       : exchange->status != 0);
  if (!answered && gaps.response) return kStreamGap;
  if (!request.unknown && !response.unknown) return {};
  const bool named = !exchange->method.empty() && !exchange->target.empty() && rpc_certain;
  return named && answered ? kFieldsUnknown : kHeadersUnknown;
}

}  // namespace kernspan
