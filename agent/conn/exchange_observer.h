#pragma once

#include "agent/conn/caller.h"
#include "agent/conn/exchange.h"
#include "agent/conn/grpc_calls.h"

namespace kernspan {

// Hears of exchanges as their bytes come by. Calls for one exchange come in this order; on_end is
// the last. Whose bytes they are follows from the exchange's role: a server reads requests and
// sends responses, a client the other way round.
class ExchangeObserver {
 public:
  virtual ~ExchangeObserver() = default;

  // The request's head is known; request_complete says whether its body has passed too.
  virtual void on_request(Exchange& exchange, const Caller& caller, bool first_on_connection) = 0;
  // Its last byte has passed (only if on_request did not say so).
  virtual void on_request_complete(Exchange& exchange, const Caller& caller) = 0;
  // A message inside a stream has passed, of the request's direction or the response's.
  virtual void on_message(Exchange& exchange, const Caller& caller, bool of_request) = 0;
  // The first byte of its response has passed.
  virtual void on_response_begin(Exchange& exchange, const Caller& caller) = 0;
  // The exchange is over; end_ns and everything else is set. `caller` is null where it was
  // not bytes of its response that ended it (connection closed, timeout, eviction, next request).
  virtual void on_end(const ExchangePtr& exchange, const Caller* caller) = 0;
  // The program has said who calls, or who handles the call; the exchange has what it said of the method.
  // Between on_request and on_end, perhaps several times.
  virtual void on_grpc_call(Exchange& exchange, const GrpcCall& call) = 0;
  // The exchange has been open for long, and still is: said between on_request and on_end, a bounded
  // number of times.
  virtual void on_interim(const ExchangePtr& exchange) = 0;
};

}  // namespace kernspan
