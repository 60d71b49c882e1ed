#include "pipeline/routing/dns_lookup.h"

#include <ares.h>
#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <memory>
#include <mutex>

namespace kernspan {
namespace {

using SteadyClock = std::chrono::steady_clock;

struct FreeChannel {
  void operator()(ares_channel channel) const { ares_destroy(channel); }
};
using Channel = std::unique_ptr<ares_channeldata, FreeChannel>;

struct Answer {
  bool is_there = false;
  int status = ARES_SUCCESS;
  std::vector<std::string> addresses;
};

std::string text_of(const ares_addrinfo_node& node) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (node.ai_family == AF_INET) {
    const auto* address = reinterpret_cast<const sockaddr_in*>(node.ai_addr);
    return inet_ntop(AF_INET, &address->sin_addr, text.data(), text.size());
  }
  if (node.ai_family == AF_INET6) {
    const auto* address = reinterpret_cast<const sockaddr_in6*>(node.ai_addr);
    return fmt::format("[{}]", inet_ntop(AF_INET6, &address->sin6_addr, text.data(), text.size()));
  }
  return {};
}

void on_answer(void* argument, int status, int /*timeouts*/, ares_addrinfo* result) {
  auto& answer = *static_cast<Answer*>(argument);
  answer.is_there = true;
  answer.status = status;
  if (result == nullptr) return;
  for (const ares_addrinfo_node* node = result->nodes; node != nullptr; node = node->ai_next) {
    std::string address = text_of(*node);
    if (!address.empty()) answer.addresses.push_back(std::move(address));
  }
  ares_freeaddrinfo(result);
}

int milliseconds_until(SteadyClock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - SteadyClock::now());
  return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 1'000'000));
}

// Waits for the channel's sockets, its next timeout, the deadline or the stop; false for a stop.
bool process_once(ares_channel channel, int stop_fd, SteadyClock::time_point deadline) {
  std::array<ares_socket_t, ARES_GETSOCK_MAXNUM> sockets{};
  const int wanted = ares_getsock(channel, sockets.data(), sockets.size());
  std::vector<pollfd> polled{{.fd = stop_fd, .events = POLLIN, .revents = 0}};
  for (unsigned i = 0; i < sockets.size(); ++i) {
    short events = 0;
    if (ARES_GETSOCK_READABLE(wanted, i)) events |= POLLIN;
    if (ARES_GETSOCK_WRITABLE(wanted, i)) events |= POLLOUT;
    if (events != 0) polled.push_back({.fd = sockets[i], .events = events, .revents = 0});
  }
  timeval limit{.tv_sec = milliseconds_until(deadline) / 1000,
                .tv_usec = milliseconds_until(deadline) % 1000 * 1000};
  timeval next{};
  const timeval* wait = ares_timeout(channel, &limit, &next);
  poll(polled.data(), polled.size(),
       static_cast<int>(wait->tv_sec * 1000 + wait->tv_usec / 1000 + 1));
  if ((polled.front().revents & POLLIN) != 0) return false;
  bool any = false;
  for (std::size_t i = 1; i < polled.size(); ++i) {
    const auto ready = polled[i].revents;
    if (ready == 0) continue;
    any = true;
    ares_process_fd(channel, (ready & ~POLLOUT) != 0 ? polled[i].fd : ARES_SOCKET_BAD,
                    (ready & POLLOUT) != 0 ? polled[i].fd : ARES_SOCKET_BAD);
  }
  if (!any) ares_process_fd(channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
  return true;
}

Result<Channel> open_channel(const DnsLookup& lookup) {
  static std::once_flag initialised;
  std::call_once(initialised, [] { ares_library_init(ARES_LIB_INIT_ALL); });
  const auto timeout = std::chrono::ceil<std::chrono::milliseconds>(lookup.timeout);
  ares_options options{};
  // Two tries of each server fit into the time.
  options.timeout = static_cast<int>(std::clamp<std::int64_t>(timeout.count() / 3, 50, 60'000));
  options.tries = 2;
  ares_channel opened = nullptr;
  const int status = ares_init_options(&opened, &options, ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES);
  if (status != ARES_SUCCESS) return permanent(ares_strerror(status));
  Channel channel(opened);
  if (!lookup.server.empty() &&
      ares_set_servers_ports_csv(opened, lookup.server.c_str()) != ARES_SUCCESS) {
    return permanent(fmt::format("{} is not the address of a DNS server", lookup.server));
  }
  return channel;
}

}  // namespace

Result<std::vector<std::string>> look_up(const DnsLookup& lookup) {
  const auto deadline =
      SteadyClock::now() + std::chrono::duration_cast<SteadyClock::duration>(lookup.timeout);
  Answer answer;  // outlives the channel, which may still call back when it is destroyed
  const Result<Channel> channel = open_channel(lookup);
  if (!channel) return std::unexpected(channel.error());
  ares_addrinfo_hints hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_flags = ARES_AI_NOSORT;
  ares_getaddrinfo(channel->get(), lookup.hostname.c_str(), nullptr, &hints, on_answer, &answer);
  while (!answer.is_there) {
    if (SteadyClock::now() >= deadline) {
      return retryable(fmt::format("{}: no answer in time", lookup.hostname));
    }
    if (!process_once(channel->get(), lookup.stop_fd, deadline)) {
      return retryable(fmt::format("{}: stopped", lookup.hostname));
    }
  }
  if (answer.status != ARES_SUCCESS) {
    return retryable(fmt::format("{}: {}", lookup.hostname, ares_strerror(answer.status)));
  }
  if (answer.addresses.empty()) {
    return retryable(fmt::format("{}: the answer has no address", lookup.hostname));
  }
  return std::move(answer.addresses);
}

}  // namespace kernspan
