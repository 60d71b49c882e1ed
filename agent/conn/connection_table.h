#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>

#include "agent/conn/connection.h"

namespace kernspan {

// The connections that carry a known protocol, by socket cookie. Bounded: the longest unused one
// makes room. Used by one thread only.
class ConnectionTable {
 public:
  // A connection takes about 1 KiB.
  ConnectionTable(ConnEnvironment& environment, std::size_t connections_max);

  void on_transfer(const ks_transfer_event& event, std::string_view bytes, const Caller& caller);
  void on_close(const ks_close_event& event);
  // The kernel side leaves the connection out from now on; what is open there ends as partial.
  void on_shed(std::uint64_t cookie);
  void on_grpc_call(GrpcCall call);

  // Ends exchanges without activity for `timeout_ns`. Looks at every connection: once a second or so.
  void expire(std::uint64_t now_ns, std::uint64_t timeout_ns);
  // Ends everything that is open, as partial.
  void abandon_all();

  std::size_t size() const { return connections_.size(); }

 private:
  struct Entry {
    std::unique_ptr<Connection> connection;
    std::list<std::uint64_t>::iterator age;
  };
  // A connection that is not there begins as HTTP/2 if `http2`, and one that is changes to it.
  Entry& find_or_add(std::uint64_t cookie, bool http2);

  ConnEnvironment& environment_;
  std::size_t connections_max_;
  std::unordered_map<std::uint64_t, Entry> connections_;
  std::list<std::uint64_t> ages_;  // front: longest unused
};

}  // namespace kernspan
