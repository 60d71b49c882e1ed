#pragma once

#include <cstdint>

namespace kernspan {

// X(field, name): what happened to transfers and messages on their way to an exchange; `name` is a
// metric label's value. The books of exchanges: opened = ended + open; what was ended is reported
// to the observer once, whole or `partial`.
#define KERNSPAN_CONN_COUNTERS(X)                                                                  \
  X(exchanges_opened, "exchanges_opened")                                                          \
  X(exchanges_ended, "exchanges_ended")                                                            \
  /* Requests for which there was no room (exchanges in flight, or pipelined on one connection). \
   */ \
  X(exchange_limit, "exchange_limit")                                                              \
  X(pipeline_limit, "pipeline_limit")                                                              \
  /* Ended exchanges of which something is missing. */                                             \
  X(partial_gap, "partial_gap")                                                                    \
  X(partial_timeout, "partial_timeout")                                                            \
  X(partial_evicted, "partial_evicted")                                                            \
  X(partial_invalid, "partial_invalid")                                                            \
  X(partial_handed_off, "partial_handed_off")                                                      \
  X(partial_shutdown, "partial_shutdown")                                                          \
  X(heads_truncated, "heads_truncated")                                                            \
  /* Bytes that were not HTTP/1 where a message had to start. */                                   \
  X(invalid_requests, "invalid_requests")                                                          \
  X(invalid_responses, "invalid_responses")                                                        \
  /* Responses to no request that was seen: older than the agent, or behind a gap. */              \
  X(unmatched_responses, "unmatched_responses")                                                    \
  /* Places in a stream where bytes are missing that were no body. */                              \
  X(gaps, "stream_gaps")                                                                           \
  X(sequence_backwards, "sequence_backwards")                                                      \
  /* Pieces that came before the first message start of a connection. */                           \
  X(before_first_start, "before_first_start")                                                      \
  X(handed_off, "connections_handed_off")                                                          \
  X(connections_evicted, "connections_evicted")

struct ConnCounters {
#define KERNSPAN_CONN_FIELD(field, name) std::uint64_t field = 0;
  KERNSPAN_CONN_COUNTERS(KERNSPAN_CONN_FIELD)
#undef KERNSPAN_CONN_FIELD
};

}  // namespace kernspan
