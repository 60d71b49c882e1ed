#include "tools/kernspan/probe/network_steps.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netdb.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <utility>

namespace kernspan::tools {
namespace {

std::string describe(int error) {
  return std::generic_category().message(error);
}

std::string advice_for(int error) {
  switch (error) {
    case ECONNREFUSED:
      return "; the host answers but nothing listens there: is the daemon running, is it bound to "
             "this address and not only to localhost, is it the right port?";
    case ETIMEDOUT:
      return "; nothing answers: look for a firewall, a NetworkPolicy, or a wrong address";
    case EHOSTUNREACH:
    case ENETUNREACH:
      return "; there is no route: look at the network between the clusters";
    default:
      return "";
  }
}

// 0, or what went wrong.
int connect_within(int fd, const Address& address, std::chrono::milliseconds timeout) {
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address.raw), address.size) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd waiting{fd, POLLOUT, 0};
  const int ready = ::poll(&waiting, 1, static_cast<int>(timeout.count()));
  if (ready == 0) return ETIMEDOUT;
  if (ready < 0) return errno;
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

}  // namespace

Result<std::vector<Address>> resolve(const Endpoint& endpoint) {
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(endpoint.host.c_str(), endpoint.port.c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  if (failed != 0) {
    std::string advice;
    if (endpoint.host.ends_with(".cluster.local") || endpoint.host.ends_with(".svc")) {
      advice =
          "; this name is only known inside its own cluster: from another one use a load "
          "balancer's or gateway's name";
    }
    return permanent(fmt::format("{} cannot be resolved: {}{}", endpoint.host,
                                 failed == EAI_SYSTEM ? describe(errno) : ::gai_strerror(failed),
                                 advice));
  }
  std::vector<Address> addresses;
  for (const addrinfo* info = found; info != nullptr; info = info->ai_next) {
    Address address;
    std::memcpy(&address.raw, info->ai_addr, info->ai_addrlen);
    address.size = info->ai_addrlen;
    char text[NI_MAXHOST] = {};
    if (::getnameinfo(info->ai_addr, info->ai_addrlen, text, sizeof(text), nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      address.text = text;
    }
    addresses.push_back(std::move(address));
  }
  return addresses;
}

Result<Connection> Connection::open(const Address& address, std::chrono::milliseconds timeout) {
  Connection connection(
      ::socket(address.raw.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (connection.fd_ < 0) return permanent("no socket: " + describe(errno));
  if (const int error = connect_within(connection.fd_, address, timeout); error != 0) {
    return permanent(describe(error) + advice_for(error));
  }
  // From here on a blocking socket with time limits: OpenSSL's simplest case.
  const int flags = 0;
  timeval limit{};
  limit.tv_sec = timeout.count() / 1000;
  limit.tv_usec = (timeout.count() % 1000) * 1000;
  if (::fcntl(connection.fd_, F_SETFL, flags) != 0 ||
      ::setsockopt(connection.fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) != 0 ||
      ::setsockopt(connection.fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) != 0) {
    return permanent(describe(errno));
  }
  return connection;
}

Connection::Connection(Connection&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

Connection::~Connection() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace kernspan::tools
