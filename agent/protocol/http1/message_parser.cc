#include "agent/protocol/http1/message_parser.h"

#include <algorithm>
#include <utility>

#include "agent/protocol/http1/characters.h"
#include "agent/protocol/http1/start_line.h"

namespace kernspan::http1 {
namespace {

constexpr int kStatusSwitchingProtocols = 101;
// Enough to decide on every known method, and held in a std::string without allocation.
constexpr std::size_t kCandidateBytesMax = 15;
constexpr std::string_view kLastChunk = "\r\n0\r\n\r\n";

std::string_view without_line_ends(std::string_view bytes) {
  while (!bytes.empty() && is_line_end(bytes.front())) bytes.remove_prefix(1);
  return bytes;
}

bool leaves_http(const Head& head, BodyRule rule) {
  return rule == BodyRule::kTunnel || head.status == kStatusSwitchingProtocols;
}

bool has_no_body(const Head& head, BodyRule rule) {
  if (rule == BodyRule::kNone) return true;
  if (head.kind == MessageKind::kRequest) {
    // What follows CONNECT is the tunnel's, whatever the fields say (RFC 9110 section 9.3.6).
    return head.method == "CONNECT" || (!head.chunked && head.content_length.value_or(0) == 0);
  }
  return head.status < 200 || head.status == 204 || head.status == 304;
}

}  // namespace

MessageParser::MessageParser(MessageKind kind, Limits limits) : kind_(kind), limits_(limits) {}

ParseOutcome MessageParser::feed(std::string_view bytes, MessageSink& sink) {
  if (state_ == State::kInvalid) state_ = State::kLost;
  while (!bytes.empty()) bytes = step(bytes, sink);
  return outcome();
}

std::string_view MessageParser::step(std::string_view bytes, MessageSink& sink) {
  switch (state_) {
    case State::kStart:
      return take_start(bytes, sink);
    case State::kHead:
      return take_head(bytes, sink);
    case State::kBodyLength:
      return take_body_length(bytes, sink);
    case State::kBodyChunked:
      return take_chunked(bytes, sink);
    case State::kBodyChunkedUnseen:
      return take_unseen_chunked(bytes, sink);
    case State::kBodyUntilClose:
      body_bytes_ += bytes.size();
      return {};
    case State::kLost:
      return resynchronise(bytes, sink);
    case State::kInvalid:  // until the next call
    case State::kHandOff:
      break;
  }
  return {};
}

std::string_view MessageParser::take_start(std::string_view bytes, MessageSink& sink) {
  bytes = without_line_ends(bytes);
  if (bytes.empty()) return bytes;
  sink.on_begin();
  // The usual case: the head is whole, and is read where it lies.
  HeadParser parser(kind_);
  const std::string_view data = bytes.substr(0, limits_.head_bytes_max);
  switch (parser.parse(data)) {
    case HeadParser::Result::kComplete:
      enter_body(parser, data, sink);
      return bytes.substr(parser.head_bytes());
    case HeadParser::Result::kInvalid:
      become_invalid(parser.reason(), sink);
      return {};
    case HeadParser::Result::kIncomplete:
      break;
  }
  if (data.size() == limits_.head_bytes_max) {
    cut_head(parser, data, sink);
    return {};
  }
  partial_ = std::make_unique<PartialHead>(kind_);
  partial_->parser = std::move(parser);
  partial_->bytes = data;
  state_ = State::kHead;
  return {};
}

std::string_view MessageParser::take_head(std::string_view bytes, MessageSink& sink) {
  const std::size_t known = partial_->bytes.size();
  partial_->bytes += bytes.substr(0, limits_.head_bytes_max - known);
  switch (partial_->parser.parse(partial_->bytes)) {
    case HeadParser::Result::kComplete: {
      const std::unique_ptr<PartialHead> whole = std::move(partial_);
      enter_body(whole->parser, whole->bytes, sink);
      return bytes.substr(whole->parser.head_bytes() - known);
    }
    case HeadParser::Result::kInvalid:
      become_invalid(partial_->parser.reason(), sink);
      return {};
    case HeadParser::Result::kIncomplete:
      break;
  }
  if (partial_->bytes.size() >= limits_.head_bytes_max) {
    const std::unique_ptr<PartialHead> cut = std::move(partial_);
    cut_head(cut->parser, cut->bytes, sink);
  }
  return {};
}

void MessageParser::enter_body(const HeadParser& parser, std::string_view data, MessageSink& sink) {
  HeadScratch scratch;
  Head head;
  parser.describe(data, scratch, head);
  const BodyRule rule = sink.on_head(head);
  body_bytes_unknown_ = false;
  body_bytes_ = 0;
  if (leaves_http(head, rule)) {
    end_message(MessageEnd::kComplete, 0, sink);
    state_ = State::kHandOff;
  } else if (has_no_body(head, rule)) {
    end_message(MessageEnd::kComplete, 0, sink);
  } else if (head.chunked) {
    chunked_ = ChunkedDecoder();
    state_ = State::kBodyChunked;
  } else if (head.content_length) {
    if (*head.content_length == 0) return end_message(MessageEnd::kComplete, 0, sink);
    body_left_ = body_bytes_ = *head.content_length;
    state_ = State::kBodyLength;
  } else {
    state_ = State::kBodyUntilClose;
  }
}

void MessageParser::cut_head(HeadParser& parser, std::string_view data, MessageSink& sink) {
  HeadScratch scratch;
  Head head;
  if (parser.describe_cut(data, scratch, head) && leaves_http(head, sink.on_head(head))) {
    end_message(MessageEnd::kComplete, 0, sink);
    state_ = State::kHandOff;
    return;
  }
  become_lost(sink);
}

std::string_view MessageParser::take_body_length(std::string_view bytes, MessageSink& sink) {
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(body_left_, bytes.size()));
  body_left_ -= taken;
  if (body_left_ == 0) end_message(MessageEnd::kComplete, body_bytes_, sink);
  return bytes.substr(taken);
}

std::string_view MessageParser::take_chunked(std::string_view bytes, MessageSink& sink) {
  switch (chunked_.feed(bytes)) {
    case ChunkedDecoder::Result::kMore:
      break;
    case ChunkedDecoder::Result::kDone:
      end_message(MessageEnd::kComplete, chunked_.payload_bytes(), sink);
      break;
    case ChunkedDecoder::Result::kInvalid:
      become_invalid(chunked_.reason(), sink);
      return {};
  }
  return bytes;
}

std::string_view MessageParser::take_unseen_chunked(std::string_view bytes, MessageSink& sink) {
  const std::size_t held = candidate_.size();
  const std::string window =
      std::exchange(candidate_, {}).append(bytes.substr(0, kCandidateBytesMax));
  switch (guess_start(kind_, window)) {
    case StartGuess::kYes:
      end_message(MessageEnd::kSuperseded, std::nullopt, sink);
      return begin_with_held(window, held, bytes, sink);
    case StartGuess::kUndecided:
      candidate_ = window;
      return {};
    case StartGuess::kNo:
      break;
  }
  if (held > 0) {
    // What was held is body; the bytes behind it are looked at alone.
    tail_.append(held, std::string_view(window).substr(0, held));
    return bytes;
  }
  if (const std::optional<std::size_t> end = find_last_chunk(bytes)) {
    end_message(MessageEnd::kComplete, std::nullopt, sink);
    return bytes.substr(*end);
  }
  tail_.append(bytes.size(), bytes);
  return {};
}

// Where in `bytes` the last chunk ends, if it does: at the end, or before what begins like a
// message.
std::optional<std::size_t> MessageParser::find_last_chunk(std::string_view bytes) const {
  const std::size_t known = tail_.view().size();
  const std::string window = std::string(tail_.view()).append(bytes);
  for (std::size_t at = window.find(kLastChunk); at != std::string::npos;
       at = window.find(kLastChunk, at + 1)) {
    const std::size_t end = at + kLastChunk.size();
    if (end <= known) continue;
    if (guess_start(kind_, std::string_view(window).substr(end)) != StartGuess::kNo) {
      return end - known;
    }
  }
  BodyTail whole = tail_;
  whole.append(bytes.size(), bytes);
  return whole.ends_with_last_chunk() ? std::optional(bytes.size()) : std::nullopt;
}

std::string_view MessageParser::resynchronise(std::string_view bytes, MessageSink& sink) {
  const std::size_t held = candidate_.size();
  if (held == 0) bytes = without_line_ends(bytes);
  const std::string window =
      std::exchange(candidate_, {}).append(bytes.substr(0, kCandidateBytesMax));
  switch (guess_start(kind_, window)) {
    case StartGuess::kYes:
      return begin_with_held(window, held, bytes, sink);
    case StartGuess::kUndecided:
      candidate_ = window;
      return {};
    case StartGuess::kNo:
      break;
  }
  // What was held began nothing; the bytes behind it are looked at alone.
  return held > 0 ? bytes : std::string_view();
}

// `window` begins a message: `held` bytes of it came earlier, the others are the front of `bytes`.
std::string_view MessageParser::begin_with_held(std::string_view window, std::size_t held,
                                                std::string_view bytes, MessageSink& sink) {
  state_ = State::kStart;
  if (held > 0) take_start(window.substr(0, held), sink);
  return bytes;
}

ParseOutcome MessageParser::skip(std::uint64_t bytes, std::string_view tail, MessageSink& sink) {
  if (state_ == State::kInvalid) state_ = State::kLost;
  if (bytes == 0) return outcome();
  // Nothing was unseen after all.
  if (tail.size() >= bytes) return feed(tail.substr(tail.size() - bytes), sink);
  switch (state_) {
    case State::kStart:
      become_lost(sink);
      break;
    case State::kHead: {
      const std::unique_ptr<PartialHead> cut = std::move(partial_);
      cut_head(cut->parser, cut->bytes, sink);
      break;
    }
    case State::kBodyLength: {
      const bool overrun = bytes > body_left_;
      body_left_ -= std::min(bytes, body_left_);
      if (body_left_ == 0) end_message(MessageEnd::kComplete, body_bytes_, sink);
      if (overrun) become_lost(sink);
      break;
    }
    case State::kBodyChunked:
    case State::kBodyChunkedUnseen:
      skip_chunked(bytes, tail, sink);
      break;
    case State::kBodyUntilClose:
      body_bytes_ += bytes;
      break;
    case State::kLost:
    case State::kInvalid:
    case State::kHandOff:
      candidate_.clear();
      break;
  }
  return outcome();
}

void MessageParser::skip_chunked(std::uint64_t bytes, std::string_view tail, MessageSink& sink) {
  if (state_ == State::kBodyChunked) {
    if (chunked_.skip(bytes)) return;
    state_ = State::kBodyChunkedUnseen;
    tail_.clear();
  }
  candidate_.clear();
  tail_.append(bytes, tail);
  if (tail_.ends_with_last_chunk()) end_message(MessageEnd::kComplete, std::nullopt, sink);
}

ParseOutcome MessageParser::lose(MessageSink& sink) {
  switch (state_) {
    case State::kHead: {
      const std::unique_ptr<PartialHead> cut = std::move(partial_);
      cut_head(cut->parser, cut->bytes, sink);
      break;
    }
    case State::kStart:
    case State::kBodyLength:
    case State::kBodyChunked:
    case State::kBodyChunkedUnseen:
      become_lost(sink);
      break;
    case State::kBodyUntilClose:
      body_bytes_unknown_ = true;
      break;
    case State::kLost:
    case State::kInvalid:
      state_ = State::kLost;
      candidate_.clear();
      break;
    case State::kHandOff:
      break;
  }
  return outcome();
}

void MessageParser::finish(MessageSink& sink) {
  switch (state_) {
    case State::kHead:
      partial_.reset();
      end_message(MessageEnd::kAborted, std::nullopt, sink);
      break;
    case State::kBodyLength:
      end_message(MessageEnd::kAborted, body_bytes_ - body_left_, sink);
      break;
    case State::kBodyChunked:
      end_message(MessageEnd::kAborted, chunked_.payload_bytes(), sink);
      break;
    case State::kBodyChunkedUnseen:
      // Trailers behind the last chunk hide it; a blank line at the very end is theirs.
      end_message(tail_.ends_with_blank_line() && candidate_.empty() ? MessageEnd::kComplete
                                                                     : MessageEnd::kAborted,
                  std::nullopt, sink);
      break;
    case State::kBodyUntilClose:
      end_message(MessageEnd::kClosed,
                  body_bytes_unknown_ ? std::nullopt : std::optional(body_bytes_), sink);
      break;
    case State::kStart:
    case State::kLost:
    case State::kInvalid:
    case State::kHandOff:
      break;
  }
  candidate_.clear();
}

bool MessageParser::at_message_boundary() const {
  return state_ == State::kStart || state_ == State::kLost || state_ == State::kInvalid;
}

bool MessageParser::in_body() const {
  return state_ >= State::kBodyLength && state_ <= State::kBodyUntilClose;
}

void MessageParser::end_message(MessageEnd end, std::optional<std::uint64_t> body_bytes,
                                MessageSink& sink) {
  state_ = State::kStart;
  sink.on_end(end, body_bytes);
}

void MessageParser::become_lost(MessageSink& sink) {
  state_ = State::kLost;
  candidate_.clear();
  sink.on_lost();
}

void MessageParser::become_invalid(std::string_view reason, MessageSink& sink) {
  state_ = State::kInvalid;
  partial_.reset();
  sink.on_invalid(reason);
}

ParseOutcome MessageParser::outcome() const {
  switch (state_) {
    case State::kStart:
      return ParseOutcome::kFrame;
    case State::kLost:
      return ParseOutcome::kSkip;
    case State::kInvalid:
      return ParseOutcome::kInvalid;
    case State::kHandOff:
      return ParseOutcome::kHandOff;
    default:
      return ParseOutcome::kNeedMore;
  }
}

bool looks_like_start(MessageKind kind, std::string_view bytes) {
  return guess_start(kind, bytes) == StartGuess::kYes;
}

}  // namespace kernspan::http1
