// What is known of an HTTP/1 message, and who is told. Spec: RFC 9112 (framing), RFC 9110
// (semantics).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace kernspan::http1 {

enum class MessageKind { kRequest, kResponse };

// One parsed head. The views point into the parser's or the caller's buffer and are valid only
// during MessageSink::on_head.
struct Head {
  MessageKind kind = MessageKind::kRequest;
  int version_minor = 1;  // HTTP/1.<minor>
  // Requests.
  std::string_view method;
  std::string_view target;  // as on the request line; empty when cut before it ended
  std::string_view host;    // Host field; empty if absent
  std::string_view user_agent;
  // Responses.
  int status = 0;
  // Both. content_type is for gRPC-Web, Server-Sent Events and the like.
  std::string_view content_type;
  std::string_view grpc_timeout;  // gRPC-Web: a request's
  std::string_view grpc_status;   // gRPC-Web: of a response without a body
  std::optional<std::uint64_t> content_length;
  bool chunked = false;
  bool keep_alive = true;        // after version and Connection field
  std::string_view upgrade;      // Upgrade field, only if Connection names it
  std::string_view traceparent;  // raw values; agent/protocol/trace_context/ judges them
  std::string_view tracestate;   // several fields: joined with ','
  std::string_view b3;
  std::string_view b3_trace_id, b3_span_id, b3_parent_span_id, b3_sampled, b3_flags;
  std::string_view fields;  // all whole field lines, folds undone: field_lines.h
  // Whole head in bytes as far as it was seen, start line and blank line included.
  std::size_t head_bytes = 0;
  // Part of the head was not captured: fields may be missing, and the framing may be unknown.
  bool truncated = false;
};

// What a response means for the framing of its body; the connection knows the request.
enum class BodyRule {
  kByHead,  // as the head says (all requests; most responses)
  kNone,    // answer to HEAD: fields speak of a body that does not come
  kTunnel,  // successful CONNECT or accepted upgrade: the connection is handed off
};

enum class MessageEnd {
  kComplete,    // the last byte was seen or counted
  kClosed,      // the connection ended, and that is how this body ends
  kAborted,     // the connection ended before the message did
  kSuperseded,  // the next message began before this one's end was seen (chunked body, lost bytes)
};

// Receives what the parser finds, in order: for each message on_begin, on_head, on_end. After
// on_invalid or on_lost the current message, if any, gets no on_end; one that is aborted inside its
// head gets no on_head.
class MessageSink {
 public:
  virtual ~MessageSink() = default;
  // The first byte of a message was seen (before its head is complete).
  virtual void on_begin() = 0;
  // The head is complete (or cut: head.truncated). 1xx responses are reported like others, and
  // followed by on_end at once; 101 hands off whatever is answered.
  virtual BodyRule on_head(const Head& head) = 0;
  // body_bytes: payload bytes, chunk framing excluded; nullopt where that could not be known.
  virtual void on_end(MessageEnd end, std::optional<std::uint64_t> body_bytes) = 0;
  // The bytes are not an HTTP/1 message; `reason` is a short constant for a counter's label.
  virtual void on_invalid(std::string_view reason) = 0;
  // The place in the stream is lost (a gap inside a head, or of unknown size): waiting for the next
  // start.
  virtual void on_lost() = 0;
};

struct Limits {
  // Heads longer than this are reported as truncated from what was kept. 64 KiB =
  // KS_HEAD_BYTES_MAX.
  std::size_t head_bytes_max = 65536;
};

}  // namespace kernspan::http1
