// The first two steps of a probe: the name, and the way to the port.
#pragma once

#include <sys/socket.h>

#include <chrono>
#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "tools/kernspan/probe/endpoint.h"

namespace kernspan::tools {

struct Address {
  std::string text;  // "192.0.2.1"
  sockaddr_storage raw = {};
  socklen_t size = 0;
};

// All addresses of the name, in the resolver's order. The error says what to look at, above all for
// names that are only known inside a cluster.
Result<std::vector<Address>> resolve(const Endpoint& endpoint);

// A connected socket. Reads and writes on it time out as well.
class Connection {
 public:
  static Result<Connection> open(const Address& address, std::chrono::milliseconds timeout);
  Connection(Connection&& other) noexcept;
  Connection& operator=(Connection&&) = delete;
  ~Connection();

  int fd() const { return fd_; }

 private:
  explicit Connection(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace kernspan::tools
