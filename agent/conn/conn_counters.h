#pragma once

#include <cstdint>
#include <string_view>

#include "agent/protocol/http2/direction_reader.h"

namespace kernspan {

// X(field, name): what happened to transfers and messages on their way to an exchange; `name` is a
// metric label's value. The books of exchanges: opened = ended + open; what was ended is reported
// to the observer once, whole or `partial`.
#define KERNSPAN_CONN_COUNTERS(X)                                                                   \
  X(exchanges_opened, "exchanges_opened")                                                           \
  X(exchanges_ended, "exchanges_ended")                                                             \
  /* Requests for which there was no room (exchanges in flight, pipelined or on streams of one    \
     connection). */ \
  X(exchange_limit, "exchange_limit")                                                               \
  X(pipeline_limit, "pipeline_limit")                                                               \
  X(stream_limit, "stream_limit")                                                                   \
  /* Ended exchanges of which something is missing. */                                              \
  X(partial_gap, "partial_gap")                                                                     \
  X(partial_timeout, "partial_timeout")                                                             \
  X(partial_evicted, "partial_evicted")                                                             \
  X(partial_invalid, "partial_invalid")                                                             \
  X(partial_handed_off, "partial_handed_off")                                                       \
  X(partial_shed, "partial_shed")                                                                   \
  X(partial_shutdown, "partial_shutdown")                                                           \
  X(partial_headers_unknown, "partial_headers_unknown")                                             \
  X(partial_fields_unknown, "partial_fields_unknown")                                               \
  X(heads_truncated, "heads_truncated")                                                             \
  /* Bytes that were not HTTP/1 where a message had to start. */                                    \
  X(invalid_requests, "invalid_requests")                                                           \
  X(invalid_responses, "invalid_responses")                                                         \
  /* Responses to no request that was seen: older than the agent, or behind a gap. */               \
  X(unmatched_responses, "unmatched_responses")                                                     \
  /* Places in a stream where bytes are missing that were no body. */                               \
  X(gaps, "stream_gaps")                                                                            \
  X(sequence_backwards, "sequence_backwards")                                                       \
  /* Pieces that came before the first message start of a connection. */                            \
  X(before_first_start, "before_first_start")                                                       \
  X(handed_off, "connections_handed_off")                                                           \
  X(connections_evicted, "connections_evicted")

// The same for what only HTTP/2 has.
#define KERNSPAN_HTTP2_COUNTERS(X)                                                             \
  X(connections, "connections")                                                                \
  X(upgrades, "upgrades") /* of them, those that began as HTTP/1 */                            \
  X(resets, "resets")     /* exchanges that a RST_STREAM ended */                              \
  X(refused_by_goaway, "refused_by_goaway")                                                    \
  X(interim_reports, "interim_reports")                                                        \
  X(pushed, "pushed") /* header blocks of streams that a server opened: not followed */        \
  /* Header blocks from which it does not follow who is the client, or what they belong to. */ \
  X(blocks_without_role, "blocks_without_role")                                                \
  X(blocks_unmatched, "blocks_unmatched")                                                      \
  X(role_conflicts, "role_conflicts")                                                          \
  /* Responses that were recorded before their requests. */                                    \
  X(early_responses, "early_responses")                                                        \
  /* What grpc-go programs said of their streams. */                                           \
  X(calls_matched, "grpc_calls_matched")                                                       \
  X(methods_learned, "grpc_methods_learned") /* of them, those that the wire did not tell */   \
  X(methods_shared, "grpc_methods_shared")   /* known of the other end of the same request */  \
  X(calls_conflicting, "grpc_calls_conflicting")                                               \
  X(calls_late, "grpc_calls_late")           /* the stream was over */                         \
  X(calls_unmatched, "grpc_calls_unmatched") /* no such stream came by within a second */      \
  X(not_http2, "not_http2") /* transfers without frames on a connection that speaks HTTP/2 */

struct Http2Counters {
#define KERNSPAN_CONN_FIELD(field, name) std::uint64_t field = 0;
  KERNSPAN_HTTP2_COUNTERS(KERNSPAN_CONN_FIELD)
#undef KERNSPAN_CONN_FIELD
};

struct ConnCounters {
#define KERNSPAN_CONN_FIELD(field, name) std::uint64_t field = 0;
  KERNSPAN_CONN_COUNTERS(KERNSPAN_CONN_FIELD)
#undef KERNSPAN_CONN_FIELD
  Http2Counters http2;
  http2::DirectionCounters directions;  // of all HTTP/2 connections, those that are over included
};

// What the readers of frames count, by name.
struct DirectionCounter {
  std::string_view name;
  std::uint64_t http2::DirectionCounters::* field;
};
inline constexpr DirectionCounter kDirectionCounters[] = {
    {"header_blocks", &http2::DirectionCounters::blocks},
    {"header_blocks_with_unknown", &http2::DirectionCounters::blocks_with_unknown},
    {"header_blocks_cut", &http2::DirectionCounters::blocks_cut},
    {"header_blocks_over_limit", &http2::DirectionCounters::blocks_over_limit},
    {"compression_errors", &http2::DirectionCounters::compression_errors},
    {"protocol_errors", &http2::DirectionCounters::protocol_errors},
    {"malformed_items", &http2::DirectionCounters::malformed_items},
    {"lost", &http2::DirectionCounters::lost},
};

}  // namespace kernspan
