#include "agent/conn/connection.h"

#include <algorithm>
#include <cerrno>

namespace kernspan {
namespace {

SocketAddress address_of(const ks_u8 (&ip)[16], ks_u16 port) {
  SocketAddress address;
  std::copy(std::begin(ip), std::end(ip), address.ip.begin());
  address.port = port;
  return address;
}

}  // namespace

SocketAddress local_address(const ks_transfer_event& event) {
  return address_of(event.local_address, event.local_port);
}

SocketAddress remote_address(const ks_transfer_event& event) {
  return address_of(event.remote_address, event.remote_port);
}

std::uint8_t shed_step_of(const ks_transfer_event& event) {
  return (event.flags >> KS_SHED_STEP_SHIFT) & KS_SHED_STEP_MAX;
}

std::string_view close_error_type(int error) {
  switch (error) {
    case 0:
      return kConnectionClosed;
    case ECONNRESET:
      return "ECONNRESET";
    case EPIPE:
      return "EPIPE";
    case ETIMEDOUT:
      return "ETIMEDOUT";
    default:
      return "connection_error";
  }
}

}  // namespace kernspan
