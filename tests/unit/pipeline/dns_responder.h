// A small DNS server on a free UDP port of the loopback: answers A and AAAA of every name with what
// the test says.
#pragma once

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace kernspan {

class DnsResponder {
 public:
  DnsResponder() {
    socket_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    socklen_t size = sizeof address;
    getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { run(); });
  }
  DnsResponder(const DnsResponder&) = delete;
  DnsResponder& operator=(const DnsResponder&) = delete;
  ~DnsResponder() {
    stopping_ = true;
    thread_.join();
    close(socket_);
  }

  std::string server() const { return "127.0.0.1:" + std::to_string(port_); }

  void answer(std::vector<std::string> ipv4, std::vector<std::string> ipv6 = {}) {
    const std::scoped_lock lock(mutex_);
    ipv4_ = std::move(ipv4);
    ipv6_ = std::move(ipv6);
    mode_ = Mode::kAnswer;
  }
  void name_error() { set(Mode::kNameError); }
  void keep_silent() { set(Mode::kSilent); }

 private:
  enum class Mode { kAnswer, kNameError, kSilent };

  void set(Mode mode) {
    const std::scoped_lock lock(mutex_);
    mode_ = mode;
  }

  void run() {
    pollfd polled{.fd = socket_, .events = POLLIN, .revents = 0};
    while (!stopping_) {
      if (poll(&polled, 1, 20) <= 0) continue;
      std::array<char, 512> query{};
      sockaddr_in from{};
      socklen_t from_size = sizeof from;
      const ssize_t size = recvfrom(socket_, query.data(), query.size(), 0,
                                    reinterpret_cast<sockaddr*>(&from), &from_size);
      if (size < 17) continue;
      const std::string reply = reply_to({query.data(), static_cast<std::size_t>(size)});
      if (reply.empty()) continue;
      sendto(socket_, reply.data(), reply.size(), 0, reinterpret_cast<sockaddr*>(&from), from_size);
    }
  }

  // RFC 1035, section 4.1: header, the question again, and an answer per address.
  std::string reply_to(const std::string& query) {
    const std::scoped_lock lock(mutex_);
    if (mode_ == Mode::kSilent) return "";
    std::size_t end = 12;
    while (end < query.size() && query[end] != 0) end += static_cast<std::uint8_t>(query[end]) + 1u;
    if (end + 5 > query.size()) return "";
    const int type = query[end + 2];
    const bool is_ipv6 = type == 28;
    const bool is_known_type = is_ipv6 || type == 1;
    std::vector<std::string> addresses;
    if (mode_ == Mode::kAnswer && is_known_type) addresses = is_ipv6 ? ipv6_ : ipv4_;
    std::string reply = query.substr(0, 2);
    reply += '\x81';
    reply += mode_ == Mode::kNameError ? '\x83' : '\x80';
    reply += std::string("\0\1\0", 3);
    reply += static_cast<char>(addresses.size());
    reply += std::string("\0\0\0\0", 4);
    reply += query.substr(12, end + 5 - 12);
    for (const std::string& address : addresses) {
      std::array<char, 16> bytes{};
      inet_pton(is_ipv6 ? AF_INET6 : AF_INET, address.c_str(), bytes.data());
      const std::size_t length = is_ipv6 ? 16 : 4;
      reply += std::string("\xC0\x0C\0", 3);
      reply += static_cast<char>(type);
      reply += std::string("\0\1\0\0\0\0\0", 7);
      reply += static_cast<char>(length);
      reply.append(bytes.data(), length);
    }
    return reply;
  }

  int socket_ = -1;
  int port_ = 0;
  std::atomic<bool> stopping_ = false;
  std::mutex mutex_;  // guards what is below
  Mode mode_ = Mode::kAnswer;
  std::vector<std::string> ipv4_;
  std::vector<std::string> ipv6_;
  std::thread thread_;
};

}  // namespace kernspan
