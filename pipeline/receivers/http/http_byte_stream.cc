#include "pipeline/receivers/http/http_byte_stream.h"

#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <utility>

namespace kernspan {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

std::string address_of(const tcp::socket& socket) {
  error_code error;
  const tcp::endpoint peer = socket.remote_endpoint(error);
  return error ? std::string() : peer.address().to_string();
}

class PlainStream final : public HttpByteStream {
 public:
  explicit PlainStream(tcp::socket socket) : socket_(std::move(socket)) {}

  void handshake(Handler handler) override {
    asio::post(socket_.get_executor(), [handler = std::move(handler)] { handler({}, 0); });
  }
  void read_some(asio::mutable_buffer room, Handler handler) override {
    socket_.async_read_some(room, std::move(handler));
  }
  void write(asio::const_buffer bytes, Handler handler) override {
    asio::async_write(socket_, bytes, std::move(handler));
  }
  void end_sending() override {
    error_code ignored;
    socket_.shutdown(tcp::socket::shutdown_send, ignored);
  }
  void close() override {
    error_code ignored;
    socket_.close(ignored);
  }
  std::string peer_address() const override { return address_of(socket_); }

 private:
  tcp::socket socket_;
};

class TlsStream final : public HttpByteStream {
 public:
  TlsStream(tcp::socket socket, TlsContexts::Context context)
      : context_(std::move(context)), stream_(std::move(socket), *context_) {}

  void handshake(Handler handler) override {
    stream_.async_handshake(
        asio::ssl::stream_base::server,
        [handler = std::move(handler)](error_code error) { handler(error, 0); });
  }
  void read_some(asio::mutable_buffer room, Handler handler) override {
    stream_.async_read_some(room, std::move(handler));
  }
  void write(asio::const_buffer bytes, Handler handler) override {
    asio::async_write(stream_, bytes, std::move(handler));
  }
  // The client closes after a response that says `Connection: close`.
  void end_sending() override {}
  void close() override {
    error_code ignored;
    stream_.next_layer().close(ignored);
  }
  std::string peer_address() const override { return address_of(stream_.next_layer()); }

 private:
  const TlsContexts::Context context_;
  asio::ssl::stream<tcp::socket> stream_;
};

}  // namespace

std::unique_ptr<HttpByteStream> plain_stream(tcp::socket socket) {
  return std::make_unique<PlainStream>(std::move(socket));
}

std::unique_ptr<HttpByteStream> tls_stream(tcp::socket socket, TlsContexts::Context context) {
  return std::make_unique<TlsStream>(std::move(socket), std::move(context));
}

}  // namespace kernspan
