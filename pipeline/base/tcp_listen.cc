#include "pipeline/base/tcp_listen.h"

#include <boost/asio/ip/v6_only.hpp>
#include <string>

namespace kernspan {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

error_code open(tcp::acceptor& acceptor, const tcp::endpoint& address, bool both_families,
                int backlog) {
  error_code error;
  if (acceptor.is_open() && acceptor.close(error)) return error;
  if (acceptor.open(address.protocol(), error)) return error;
  if (acceptor.set_option(tcp::acceptor::reuse_address(true), error)) return error;
  if (address.address().is_v6() && acceptor.set_option(asio::ip::v6_only(!both_families), error)) {
    return error;
  }
  if (acceptor.bind(address, error)) return error;
  return acceptor.listen(backlog, error);
}

}  // namespace

error_code listen_on(tcp::acceptor& acceptor, std::string_view endpoint, int backlog) {
  const std::size_t colon = endpoint.rfind(':');
  if (colon == std::string_view::npos) return asio::error::invalid_argument;
  std::string host(endpoint.substr(0, colon));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  tcp::resolver resolver(acceptor.get_executor());
  error_code error;
  const auto found = resolver.resolve(host, std::string(endpoint.substr(colon + 1)),
                                      tcp::resolver::passive, error);
  if (error) return error;
  error = asio::error::host_not_found;
  for (const bool is_v6 : {host.empty(), !host.empty()}) {
    for (const tcp::endpoint address : found) {
      if (address.address().is_v6() != is_v6) continue;
      error = open(acceptor, address, host.empty(), backlog);
      if (!error) return error;
    }
  }
  return error;
}

}  // namespace kernspan
