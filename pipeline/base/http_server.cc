#include "pipeline/base/http_server.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/base/tcp_listen.h"

namespace kernspan {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Handlers = std::map<std::string, HttpServer::Handler>;

// Scrapers and probes come one by one; more at once means that something else is talking to us.
constexpr int kMostConnections = 32;
constexpr std::size_t kLargestHeadBytes = 8192;
constexpr auto kRequestTimeout = std::chrono::seconds(5);
constexpr auto kPauseAfterFailedAccept = std::chrono::milliseconds(100);

HttpResponse respond(const Handlers& handlers, http::verb method, std::string_view target) {
  if (method != http::verb::get && method != http::verb::head) {
    return {.status = 405, .body = "GET or HEAD only\n"};
  }
  const auto handler = handlers.find(std::string(target.substr(0, target.find('?'))));
  if (handler == handlers.end()) return {.status = 404, .body = "not here\n"};
  const std::size_t query = std::min(target.find('?'), target.size());
  return handler->second({.query = target.substr(std::min(query + 1, target.size()))});
}

// One request and its answer; keeps itself alive through the pending operation.
class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(tcp::socket socket, const Handlers& handlers, int& open)
      : stream_(std::move(socket)), handlers_(handlers), open_(open) {
    ++open_;
    parser_.header_limit(kLargestHeadBytes);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() { --open_; }

  void run() {
    stream_.expires_after(kRequestTimeout);
    http::async_read_header(stream_, buffer_, parser_,
                            [self = shared_from_this()](error_code error, std::size_t) {
                              if (!error) self->answer();
                            });
  }

 private:
  void answer() {
    const beast::string_view target = parser_.get().target();
    HttpResponse made = respond(handlers_, parser_.get().method(), {target.data(), target.size()});
    response_.version(11);
    response_.result(static_cast<unsigned>(made.status));
    response_.set(http::field::content_type, made.content_type);
    response_.content_length(made.body.size());
    response_.keep_alive(false);
    if (parser_.get().method() != http::verb::head) response_.body() = std::move(made.body);
    stream_.expires_after(kRequestTimeout);  // from now on: the handler may have taken its time
    http::async_write(stream_, response_, [self = shared_from_this()](error_code, std::size_t) {
      error_code error;
      if (self->stream_.socket().shutdown(tcp::socket::shutdown_send, error)) {
        log_debug("http server: the peer has gone: {}", error.message());
      }
    });
  }

  beast::tcp_stream stream_;
  const Handlers& handlers_;
  int& open_;
  beast::flat_buffer buffer_{kLargestHeadBytes};
  http::request_parser<http::empty_body> parser_;
  http::response<http::string_body> response_;
};

class AsioServer final : public HttpServer {
 public:
  explicit AsioServer(Handlers handlers) : handlers_(std::move(handlers)) {}

  ~AsioServer() override {
    context_.stop();
    if (thread_.joinable()) thread_.join();
  }

  Status start(std::string_view endpoint) {
    if (const error_code error = listen_on(acceptor_, endpoint, kMostConnections)) {
      return permanent(
          fmt::format("cannot listen on {}: {}; is the port in use, and the host one "
                      "of this machine?",
                      endpoint, error.message()));
    }
    error_code ignored;
    port_ = acceptor_.local_endpoint(ignored).port();
    accept();
    thread_ = std::thread([this] { context_.run(); });
    return {};
  }

  std::uint16_t port() const override { return port_; }

 private:
  void accept() {
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      if (error) return pause();
      if (open_ < kMostConnections) {
        std::make_shared<Connection>(std::move(socket), handlers_, open_)->run();
      } else {
        KERNSPAN_LOG_LIMITED(kWarn, "http server: more than {} connections at port {}, closing one",
                             kMostConnections, port_);
      }
      accept();
    });
  }

  // Out of file descriptors, most likely: accepting again at once would spin.
  void pause() {
    pause_.expires_after(kPauseAfterFailedAccept);
    pause_.async_wait([this](error_code error) {
      if (!error) accept();
    });
  }

  const Handlers handlers_;
  int open_ = 0;  // connections; touched by the server's thread only
  std::uint16_t port_ = 0;
  asio::io_context context_{1};  // its pending operations own connections, which use what is above
  tcp::acceptor acceptor_{context_};
  asio::steady_timer pause_{context_};
  std::thread thread_;
};

}  // namespace

std::optional<std::string_view> query_value(std::string_view query, std::string_view key) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (pair.substr(0, equals) == key) return pair.substr(std::min(equals + 1, pair.size()));
  }
  return std::nullopt;
}

Result<std::unique_ptr<HttpServer>> HttpServer::listen(std::string_view endpoint,
                                                       std::map<std::string, Handler> handlers) {
  auto server = std::make_unique<AsioServer>(std::move(handlers));
  if (Status started = server->start(endpoint); !started) return std::unexpected(started.error());
  return server;
}

}  // namespace kernspan
