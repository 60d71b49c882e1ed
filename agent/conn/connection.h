// One end of one TCP connection, in whatever version of HTTP it speaks: from transfers to
// exchanges.
#pragma once

#include <cstdint>
#include <string_view>

#include "agent/conn/caller.h"
#include "agent/conn/conn_environment.h"
#include "agent/conn/exchange.h"
#include "agent/conn/grpc_calls.h"
#include "bpf/abi/events.h"

namespace kernspan {

class Connection {
 public:
  virtual ~Connection() = default;

  // One piece of one transfer; `bytes` are its captured bytes.
  virtual void on_transfer(const ks_transfer_event& event, std::string_view bytes,
                           const Caller& caller) = 0;

  // What the program says of one of its streams. False if that has not been seen yet.
  virtual bool on_grpc_call(const GrpcCall& call) = 0;

  // The local side has finished sending, or (KS_CLOSE_FINAL) the connection is over.
  virtual void on_close(const ks_close_event& event) = 0;

  // Ends exchanges without activity for `timeout_ns`, as timed out, and those of a closed connection
  // whose answer nobody has read. Reports streams that have lived long. Once a second or so.
  virtual void expire(std::uint64_t now_ns, std::uint64_t timeout_ns) = 0;

  // Ends what is open, as partial for `reason` (a constant), counting under `counter`.
  virtual void abandon(std::string_view reason, std::uint64_t& counter) = 0;

  // The connection goes on in HTTP/2: gives up what cannot go on there. Returns the request that
  // asked for the change and is answered there as stream 1; null if there is none.
  virtual ExchangePtr leave_for_http2() = 0;
  virtual bool is_http2() const = 0;

  virtual bool has_open_exchanges() const = 0;

  // The connection is over; open exchanges may still find their answer in the receive queue.
  virtual bool is_closed() const = 0;
};

// How long after the end of its connection an answer may be read from the receive queue.
inline constexpr std::uint64_t kUnreadWaitNs = 1'000'000'000;

inline constexpr std::string_view kConnectionClosed = "connection_closed";

// error.type of what was open on a connection that ended with this errno (0: orderly); a constant.
std::string_view close_error_type(int error);

SocketAddress local_address(const ks_transfer_event& event);
SocketAddress remote_address(const ks_transfer_event& event);

// Of how many connections this one was chosen, as a power of two.
std::uint8_t shed_step_of(const ks_transfer_event& event);

}  // namespace kernspan
