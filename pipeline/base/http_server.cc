#include "pipeline/base/http_server.h"

#include <civetweb.h>
#include <fmt/format.h>

#include <array>
#include <mutex>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan {
namespace {

// Keeps a probe that hangs from holding one of the two threads.
constexpr const char* kRequestTimeoutMs = "5000";

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    default:
      return "Service Unavailable";
  }
}

int log_civetweb_message(const mg_connection*, const char* message) {
  log_debug("http server: {}", message);
  return 1;  // handled: civetweb writes nothing itself
}

class CivetwebServer final : public HttpServer {
 public:
  explicit CivetwebServer(std::map<std::string, Handler> handlers)
      : handlers_(std::move(handlers)) {}
  ~CivetwebServer() override {
    if (context_ != nullptr) mg_stop(context_);
  }

  Status start(std::string_view endpoint) {
    static std::once_flag initialized;
    std::call_once(initialized, [] { mg_init_library(0); });
    std::string port(endpoint);
    // An empty host means every interface; "+port" is civetweb's word for both address families.
    if (port.starts_with(':')) port[0] = '+';
    std::array options = {"listening_ports",
                          port.c_str(),
                          "num_threads",
                          "2",
                          "request_timeout_ms",
                          kRequestTimeoutMs,
                          "enable_keep_alive",
                          "no",
                          static_cast<const char*>(nullptr)};
    mg_callbacks callbacks{};
    callbacks.log_message = log_civetweb_message;
    std::array<char, 256> message{};
    mg_init_data init{&callbacks, this, options.data()};
    mg_error_data error{};
    error.text = message.data();
    error.text_buffer_size = message.size();
    context_ = mg_start2(&init, &error);
    if (context_ == nullptr) {
      return permanent(
          fmt::format("cannot listen on {}: {}; is the port in use, and the host one "
                      "of this machine?",
                      endpoint, message.data()));
    }
    mg_set_request_handler(context_, "**", &CivetwebServer::handle, this);
    std::array<mg_server_port, 2> ports{};
    if (mg_get_server_ports(context_, static_cast<int>(ports.size()), ports.data()) > 0) {
      port_ = static_cast<std::uint16_t>(ports[0].port);
    }
    return {};
  }

  std::uint16_t port() const override { return port_; }

 private:
  static int handle(mg_connection* connection, void* self) {
    const mg_request_info* request = mg_get_request_info(connection);
    const std::string_view method = request->request_method;
    const HttpResponse response =
        static_cast<CivetwebServer*>(self)->respond(method, request->local_uri);
    const std::string head = fmt::format(
        "HTTP/1.1 {} {}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        response.status, reason_of(response.status), response.content_type, response.body.size());
    mg_write(connection, head.data(), head.size());
    if (method != "HEAD") mg_write(connection, response.body.data(), response.body.size());
    return response.status;
  }

  HttpResponse respond(std::string_view method, const char* path) const {
    if (method != "GET" && method != "HEAD") return {.status = 405, .body = "GET or HEAD only\n"};
    const auto handler = path == nullptr ? handlers_.end() : handlers_.find(path);
    if (handler == handlers_.end()) return {.status = 404, .body = "not here\n"};
    return handler->second();
  }

  const std::map<std::string, Handler> handlers_;
  mg_context* context_ = nullptr;
  std::uint16_t port_ = 0;
};

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::listen(std::string_view endpoint,
                                                       std::map<std::string, Handler> handlers) {
  auto server = std::make_unique<CivetwebServer>(std::move(handlers));
  if (Status started = server->start(endpoint); !started) return std::unexpected(started.error());
  return server;
}

}  // namespace kernspan
