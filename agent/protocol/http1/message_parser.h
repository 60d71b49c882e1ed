// HTTP/1.0 and 1.1 messages of one direction of one connection, as a passive reader sees them.
// Spec: RFC 9112 (framing), RFC 9110 (semantics).
//
// Unlike a server's parser this one does not get all bytes: the capture sends heads, and says of
// bodies only how many bytes went by. So input is of two kinds: bytes that were captured (feed) and
// bytes that passed unseen (skip). With full capture everything, chunked bodies included, is exact;
// with bodies unseen, a body of known length ends by counting and a chunked one by its last bytes.
//
//   states:  kStart -> kHead -> kBodyLength | kBodyChunked | kBodyUntilClose -> kStart ...
//            kBodyChunked -> kBodyChunkedUnseen (bytes passed unseen; ends by its tail or the next
//            start) any -> kLost (resynchronise at the next feed that begins with a message start)
//            any -> kInvalid (the same, but said once to the caller)
//            kHead -> kHandOff (101, tunnel): final
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/protocol/http1/chunked.h"
#include "agent/protocol/http1/head_parser.h"
#include "agent/protocol/http1/message.h"
#include "agent/protocol/parse_outcome.h"

namespace kernspan::http1 {

// Not thread-safe; one per direction of a connection. Holds no memory beyond a head in progress.
class MessageParser {
 public:
  explicit MessageParser(MessageKind kind, Limits limits = {});

  // Captured bytes, next in the stream. Calls the sink as messages begin, show their heads and end;
  // several messages in one call are pipelining. All bytes are consumed. Returns the state it is
  // left in: kNeedMore inside a message, kFrame between messages, kInvalid, kHandOff, or kSkip
  // while resynchronising.
  ParseOutcome feed(std::string_view bytes, MessageSink& sink);

  // `bytes` bytes of the stream went by unseen; `tail` are the last of them, if known (at most 8).
  // If these are all, they are fed. Inside a body they are counted; inside a head the head is
  // reported truncated, and the parser is lost until the next message start. When more bytes are
  // skipped than the message has left, the rest is lost.
  ParseOutcome skip(std::uint64_t bytes, std::string_view tail, MessageSink& sink);

  // A number of bytes that is not known was lost (full ring, connection older than the agent). A
  // head in progress is reported truncated first; a body that lasts until close goes on, its size
  // unknown.
  ParseOutcome lose(MessageSink& sink);

  // The peer has finished sending: ends a body that lasts until close, aborts any other message. A
  // chunked body that was not seen is complete if its last bytes are a blank line, as trailers'
  // are.
  void finish(MessageSink& sink);

  // Between messages (or lost): the next feed may begin with a message start.
  bool at_message_boundary() const;

  // Inside a message whose head was reported.
  bool in_body() const;

 private:
  enum class State : std::uint8_t {
    kStart,
    kHead,
    kBodyLength,
    kBodyChunked,
    kBodyChunkedUnseen,
    kBodyUntilClose,
    kLost,
    kInvalid,
    kHandOff,
  };
  // A head that did not arrive in one piece.
  struct PartialHead {
    explicit PartialHead(MessageKind kind) : parser(kind) {}
    HeadParser parser;
    std::string bytes;
  };

  // Each takes bytes from the front of its input and returns the rest.
  std::string_view step(std::string_view bytes, MessageSink& sink);
  std::string_view take_start(std::string_view bytes, MessageSink& sink);
  std::string_view take_head(std::string_view bytes, MessageSink& sink);
  std::string_view take_body_length(std::string_view bytes, MessageSink& sink);
  std::string_view take_chunked(std::string_view bytes, MessageSink& sink);
  std::string_view take_unseen_chunked(std::string_view bytes, MessageSink& sink);
  std::string_view resynchronise(std::string_view bytes, MessageSink& sink);

  std::string_view begin_with_held(std::string_view window, std::size_t held,
                                   std::string_view bytes, MessageSink& sink);
  std::optional<std::size_t> find_last_chunk(std::string_view bytes) const;
  void enter_body(const HeadParser& parser, std::string_view data, MessageSink& sink);
  void cut_head(HeadParser& parser, std::string_view data, MessageSink& sink);
  void end_message(MessageEnd end, std::optional<std::uint64_t> body_bytes, MessageSink& sink);
  void skip_chunked(std::uint64_t bytes, std::string_view tail, MessageSink& sink);
  void become_lost(MessageSink& sink);
  void become_invalid(std::string_view reason, MessageSink& sink);
  ParseOutcome outcome() const;

  MessageKind kind_;
  State state_ = State::kStart;
  // The length of the body passed unseen at least in part and is not known.
  bool body_bytes_unknown_ = false;
  Limits limits_;
  std::unique_ptr<PartialHead> partial_;
  std::uint64_t body_left_ = 0;   // kBodyLength
  std::uint64_t body_bytes_ = 0;  // kBodyLength: all; kBodyUntilClose: so far
  ChunkedDecoder chunked_;
  BodyTail tail_;
  // Bytes at the end of what was fed that may yet turn out to begin a message; fewer than 16.
  std::string candidate_;
};

// True if bytes begin with a method that is in use and a space, or with "HTTP/1."; at most 16 bytes
// decide. Used to resynchronise: where the parser is in step any token is a method, but in the
// middle of a stream half a method must not become one.
bool looks_like_start(MessageKind kind, std::string_view bytes);

}  // namespace kernspan::http1
