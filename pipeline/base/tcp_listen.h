#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>
#include <string_view>

namespace kernspan {

// Opens the acceptor on "host:port" (port 0: any free one; host "": every interface, IPv6 and IPv4;
// a name: the first of its addresses that works, IPv4 first, as in the collector).
boost::system::error_code listen_on(boost::asio::ip::tcp::acceptor& acceptor,
                                    std::string_view endpoint, int backlog);

}  // namespace kernspan
