#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

namespace kernspan {

// An IPv6 or (v4-mapped) IPv4 address and a port, the address in network order, the port in host
// order.
struct SocketAddress {
  std::array<std::uint8_t, 16> ip{};
  std::uint16_t port = 0;

  auto operator<=>(const SocketAddress&) const = default;

  bool is_v4() const;
  // 127.0.0.0/8 or ::1: such a connection does not leave its network namespace.
  bool is_loopback() const;
  // "192.0.2.1" or "2001:db8::1"; no port, no brackets.
  std::string ip_text() const;
};

}  // namespace kernspan
