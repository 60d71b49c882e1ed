// Copies the header fields that the configuration names into an exchange. One test where none are.
#pragma once

#include "agent/conn/conn_environment.h"
#include "agent/conn/exchange.h"
#include "agent/conn/http2_head.h"
#include "agent/protocol/http1/message.h"

namespace kernspan {

void find_fields(const http1::Head& head, ConnEnvironment& environment, Exchange& exchange);
void find_fields(const Http2Head& head, bool of_response, ConnEnvironment& environment,
                 Exchange& exchange);

inline void capture_fields(const http1::Head& head, ConnEnvironment& environment,
                           Exchange& exchange) {
  if (environment.headers) find_fields(head, environment, exchange);
}

// `of_response`: it is a block of the response, trailers included.
inline void capture_fields(const Http2Head& head, bool of_response, ConnEnvironment& environment,
                           Exchange& exchange) {
  if (environment.headers) find_fields(head, of_response, environment, exchange);
}

}  // namespace kernspan
