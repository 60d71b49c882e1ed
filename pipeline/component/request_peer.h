// Who sent the request that a receiver is handing to its pipeline: for processors that work in the
// receiver's own call. Behind a processor that holds batches, and behind other threads, it is not
// known, as upstream.
#pragma once

#include <string>

namespace kernspan {

// The address of a request's sender; asked for only when somebody wants to know it.
class RequestPeer {
 public:
  virtual ~RequestPeer() = default;
  virtual std::string address() const = 0;  // "10.0.0.7", "fd00::1"; empty: not known
};

namespace detail {
inline thread_local const RequestPeer* current_request_peer = nullptr;
}

// While it lives, `peer` is the sender of what this thread hands on.
class RequestPeerScope {
 public:
  explicit RequestPeerScope(const RequestPeer& peer) : before_(detail::current_request_peer) {
    detail::current_request_peer = &peer;
  }
  RequestPeerScope(const RequestPeerScope&) = delete;
  RequestPeerScope& operator=(const RequestPeerScope&) = delete;
  ~RequestPeerScope() { detail::current_request_peer = before_; }

 private:
  const RequestPeer* before_;
};

// Of the request that this thread is handing on; empty when there is none, or nobody has said.
inline std::string request_peer_address() {
  const RequestPeer* peer = detail::current_request_peer;
  return peer == nullptr ? std::string() : peer->address();
}

}  // namespace kernspan
