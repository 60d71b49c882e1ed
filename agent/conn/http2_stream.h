// One stream of an HTTP/2 connection while it is open, and what it comes to in the end.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/conn/exchange.h"
#include "agent/conn/grpc_calls.h"

namespace kernspan {

// Values of Exchange::partial.
inline constexpr std::string_view kStreamGap = "stream_gap";
// Fields that say what was called, or what came of it, are not known (joined in the middle).
inline constexpr std::string_view kHeadersUnknown = "headers_unknown";
// Only others are: a user agent, a trace context.
inline constexpr std::string_view kFieldsUnknown = "fields_unknown";

// Whether frames of a stream's directions may have been missed.
struct Http2Gaps {
  bool request = false;
  bool response = false;
};

// What one direction of a stream has shown.
struct Http2Half {
  std::uint32_t gaps_before = 0;  // gaps in the direction when the stream began
  bool ended = false;
  bool unknown = false;  // not all of a header block could be decoded
  // What the kernel side has counted, if it has said so, and whether that is all.
  bool told = false;
  bool told_all = false;
  bool told_at_end = false;
  std::uint32_t told_messages = 0;
  std::uint64_t told_bytes = 0;
  std::uint64_t told_ns = 0;

  // The direction is over: the kernel side's last count is that of all.
  void end(MessageFlow& flow, std::uint64_t now_ns);
};

struct Http2Stream {
  ExchangePtr exchange;
  Http2Half request;
  Http2Half response;
  std::uint64_t since_ns = 0;
  bool announced = false;       // the observer knows of it: the request's HEADERS were seen
  bool response_begun = false;  // its final HEADERS were seen
  bool rpc_certain = false;     // whether it is gRPC is known
  bool trailers_seen = false;   // the response ended with a header block
  bool refused = false;         // by a GOAWAY
  bool given_up = false;        // the client closed its connection
  std::uint32_t reset_code = 0;

  enum class CallFit : std::uint8_t {
    kKnown,     // nothing that the wire has not told
    kLearned,   // the method is known from now on
    kConflict,  // it contradicts the wire: nothing is taken from it
  };
  // What the program says of the stream.
  CallFit take(const GrpcCall& call);

  // The exchange is over, its times and error_type are set: what its messages, its gRPC status and
  // its being whole come to.
  void settle(Http2Gaps gaps);

 private:
  void settle_messages(Http2Gaps gaps);
  void settle_rpc_by_shape();
  void settle_rpc_status(Http2Gaps gaps);
  std::string_view partial_reason(Http2Gaps gaps) const;
};

}  // namespace kernspan
