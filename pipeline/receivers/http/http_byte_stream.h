#pragma once

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <functional>
#include <memory>
#include <string>

#include "pipeline/receivers/http/tls_contexts.h"

namespace kernspan {

// The bytes of one connection, in the clear or through TLS. One operation of each kind at a time;
// after close() those under way end with an error. One thread.
class HttpByteStream {
 public:
  using Handler = std::function<void(boost::system::error_code, std::size_t)>;

  virtual ~HttpByteStream() = default;

  virtual void handshake(Handler handler) = 0;
  virtual void read_some(boost::asio::mutable_buffer room, Handler handler) = 0;
  virtual void write(boost::asio::const_buffer bytes, Handler handler) = 0;  // all of them
  // Says that nothing more is sent, where that can be said without waiting.
  virtual void end_sending() = 0;
  virtual void close() = 0;
  virtual std::string peer_address() const = 0;  // without the port; empty: not known
};

std::unique_ptr<HttpByteStream> plain_stream(boost::asio::ip::tcp::socket socket);
std::unique_ptr<HttpByteStream> tls_stream(boost::asio::ip::tcp::socket socket,
                                           TlsContexts::Context context);

}  // namespace kernspan
