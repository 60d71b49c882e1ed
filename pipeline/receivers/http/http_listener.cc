#include "pipeline/receivers/http/http_listener.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

#include "pipeline/base/log.h"
#include "pipeline/base/tcp_listen.h"
#include "pipeline/receivers/http/http_connection.h"
#include "pipeline/receivers/http/tls_contexts.h"

namespace kernspan {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::size_t kMaxPlainConnections = 4096;
constexpr std::size_t kMaxTlsConnections = 1024;
constexpr std::size_t kMaxRequests = 64;
constexpr std::size_t kMinBodyBudget = 64 << 20;
constexpr std::size_t kLargestBodiesInBudget = 4;
// As many as the gRPC server has; most of the time a consumer only puts a batch into a queue.
constexpr unsigned kWorkers = 4;
constexpr auto kPauseAfterFailedAccept = std::chrono::milliseconds(100);

}  // namespace

class HttpListener::Server final : public HttpConnectionHost {
 public:
  Server(HttpServerSettings settings, const Environment& environment)
      : settings_(std::move(settings)),
        environment_(environment),
        max_connections_(settings_.max_connections > 0 ? settings_.max_connections
                         : settings_.tls.enabled       ? kMaxTlsConnections
                                                       : kMaxPlainConnections),
        body_budget_(std::max<std::size_t>(
            kMinBodyBudget, kLargestBodiesInBudget * settings_.max_request_body_size)) {}
  ~Server() override { stop(std::chrono::steady_clock::now()); }

  Status start();
  void stop(std::chrono::steady_clock::time_point deadline);
  int port() const { return port_; }

  // HttpConnectionHost
  const HttpServerSettings& settings() const override { return settings_; }
  const std::string& path() const override { return environment_.path; }
  HttpService& service() override { return environment_.service; }
  const ServerAuthenticator* authenticator() const override { return environment_.authenticator; }
  bool stopping() const override { return stopping_; }
  bool reserve(std::size_t bytes) override;
  void release(std::size_t bytes) override { body_bytes_ -= bytes; }
  bool submit(Work work, Answered answered) override;
  void waits(HttpConnection& connection) override;
  void waits_no_more(HttpConnection& connection) override;
  void failed_handshake(const std::string& reason) override;
  void gone(HttpConnection& connection) override;

 private:
  void accept();
  void welcome(tcp::socket socket);
  bool make_room();
  void pause();
  void refuse_new();
  void close_all();

  const HttpServerSettings settings_;
  const Environment environment_;
  const std::size_t max_connections_;
  const std::size_t body_budget_;
  int port_ = 0;

  // The server's thread only, from start() on.
  asio::io_context context_{1};
  tcp::acceptor acceptor_{context_};
  asio::steady_timer pause_{context_};
  std::unique_ptr<TlsContexts> tls_;
  std::set<HttpConnection*> connections_;  // each keeps itself alive by what it waits for
  std::list<HttpConnection*> waiting_;     // the one that has waited longest in front
  std::size_t body_bytes_ = 0;
  std::size_t requests_ = 0;
  bool stopping_ = false;

  std::thread thread_;
  std::unique_ptr<asio::thread_pool> workers_;
  std::atomic<bool> is_abandoned_{false};  // past the deadline: what waits for a worker is left
  std::mutex mutex_;
  std::condition_variable all_gone_;
  bool is_all_gone_ = false;
};

Status HttpListener::Server::start() {
  if (settings_.tls.enabled) {
    tls_ = std::make_unique<TlsContexts>(settings_.tls, environment_.path,
                                         environment_.tls_reload_failures);
    if (Status loaded = tls_->load(); !loaded) {
      return permanent(fmt::format("{}: {}", environment_.path, loaded.error().message));
    }
  }
  if (const error_code error =
          listen_on(acceptor_, settings_.endpoint, asio::socket_base::max_listen_connections)) {
    return permanent(
        fmt::format("{}: cannot listen on {}: {}; is another program using the port, and is the "
                    "address this machine's?",
                    environment_.path, settings_.endpoint, error.message()));
  }
  error_code ignored;
  port_ = acceptor_.local_endpoint(ignored).port();
  workers_ = std::make_unique<asio::thread_pool>(kWorkers);
  accept();
  thread_ = std::thread([this] {
    const auto guard = asio::make_work_guard(context_);
    context_.run();
  });
  return {};
}

void HttpListener::Server::stop(std::chrono::steady_clock::time_point deadline) {
  if (!thread_.joinable()) return;
  asio::post(context_, [this] { refuse_new(); });
  {
    std::unique_lock lock(mutex_);
    all_gone_.wait_until(lock, deadline, [&] { return is_all_gone_; });
  }
  asio::post(context_, [this] { close_all(); });
  is_abandoned_ = true;
  workers_->join();
  context_.stop();
  thread_.join();
}

void HttpListener::Server::refuse_new() {
  stopping_ = true;
  error_code ignored;
  acceptor_.close(ignored);
  pause_.cancel();
  const std::vector<HttpConnection*> all(connections_.begin(), connections_.end());
  for (HttpConnection* connection : all) {
    if (!connection->has_request()) connection->close();
  }
  const std::scoped_lock lock(mutex_);
  is_all_gone_ = connections_.empty();
  all_gone_.notify_all();
}

void HttpListener::Server::close_all() {
  const std::vector<HttpConnection*> all(connections_.begin(), connections_.end());
  for (HttpConnection* connection : all) connection->close();
}

void HttpListener::Server::accept() {
  acceptor_.async_accept([this](error_code error, tcp::socket socket) {
    if (stopping_) return;
    if (error) return pause();
    welcome(std::move(socket));
    accept();
  });
}

// Out of file descriptors, most likely: accepting again at once would spin.
void HttpListener::Server::pause() {
  make_room();
  pause_.expires_after(kPauseAfterFailedAccept);
  pause_.async_wait([this](error_code error) {
    if (!error && !stopping_) accept();
  });
}

void HttpListener::Server::welcome(tcp::socket socket) {
  if (connections_.size() >= max_connections_ && !make_room()) return;  // closes the new one
  error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  auto stream = tls_ == nullptr ? plain_stream(std::move(socket))
                                : tls_stream(std::move(socket), tls_->current());
  const auto connection = std::make_shared<HttpConnection>(*this, context_, std::move(stream));
  connections_.insert(connection.get());
  connection->start();
}

// Closes the connection that has waited longest. When all are at work there is none, and it is the
// new one that has to go.
bool HttpListener::Server::make_room() {
  environment_.closed_connections.add();
  KERNSPAN_LOG_LIMITED(kWarn, "{}: more than {} connections: closed one", environment_.path,
                       max_connections_);
  if (waiting_.empty()) return false;
  waiting_.front()->close();
  return true;
}

bool HttpListener::Server::reserve(std::size_t bytes) {
  if (bytes > body_budget_ - body_bytes_) return false;
  body_bytes_ += bytes;
  return true;
}

bool HttpListener::Server::submit(Work work, Answered answered) {
  if (requests_ >= kMaxRequests) return false;
  ++requests_;
  asio::post(*workers_, [this, work = std::move(work), answered = std::move(answered)]() mutable {
    HttpServerAnswer answer = is_abandoned_ ? HttpServerAnswer{.status = 503} : work();
    work = nullptr;  // the body goes before its answer is sent
    asio::post(context_, [this, answer = std::move(answer), answered = std::move(answered)] {
      --requests_;
      answered(answer);
    });
  });
  return true;
}

void HttpListener::Server::waits(HttpConnection& connection) {
  if (connection.is_waiting) waits_no_more(connection);
  connection.waiting_place = waiting_.insert(waiting_.end(), &connection);
  connection.is_waiting = true;
}

void HttpListener::Server::waits_no_more(HttpConnection& connection) {
  if (!connection.is_waiting) return;
  waiting_.erase(connection.waiting_place);
  connection.is_waiting = false;
}

void HttpListener::Server::failed_handshake(const std::string& reason) {
  environment_.failed_handshakes.add();
  KERNSPAN_LOG_LIMITED(kWarn, "{}: a client's TLS handshake failed: {}", environment_.path, reason);
}

void HttpListener::Server::gone(HttpConnection& connection) {
  connections_.erase(&connection);
  if (!stopping_ || !connections_.empty()) return;
  const std::scoped_lock lock(mutex_);
  is_all_gone_ = true;
  all_gone_.notify_all();
}

HttpListener::HttpListener(HttpServerSettings settings, const Environment& environment)
    : server_(std::make_unique<Server>(std::move(settings), environment)) {}

HttpListener::~HttpListener() = default;

Status HttpListener::start() {
  return server_->start();
}

void HttpListener::stop(std::chrono::steady_clock::time_point deadline) {
  server_->stop(deadline);
}

int HttpListener::port() const {
  return server_->port();
}

}  // namespace kernspan
