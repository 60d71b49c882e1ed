#include "agent/conn/socket_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace kernspan {

bool SocketAddress::is_v4() const {
  static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return std::equal(kMapped.begin(), kMapped.end(), ip.begin());
}

bool SocketAddress::is_loopback() const {
  static constexpr std::array<std::uint8_t, 16> kV6{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  return is_v4() ? ip[12] == 127 : ip == kV6;
}

std::string SocketAddress::ip_text() const {
  if (is_v4()) {
    // By hand: inet_ntop() goes through printf, and this runs for every span.
    std::array<char, INET_ADDRSTRLEN> digits;
    char* end = digits.data();
    for (std::size_t i = 12; i < 16; ++i) {
      if (i > 12) *end++ = '.';
      end = std::to_chars(end, digits.data() + digits.size(), ip[i]).ptr;
    }
    return {digits.data(), end};
  }
  char text[INET6_ADDRSTRLEN] = {};
  inet_ntop(AF_INET6, ip.data(), text, sizeof text);
  return text;
}

}  // namespace kernspan
