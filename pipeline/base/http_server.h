// A small HTTP/1 server for the endpoints that operators and probes ask: /metrics, health. GET and
// HEAD only, a few requests at a time, nothing that a client sends is kept. Not for telemetry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "pipeline/base/error.h"

namespace kernspan {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

struct HttpQuery {
  std::string_view query;  // behind the question mark; borrowed for the call
};

// The value of one key of a query, "a=1&b=2"; nothing when it is not there. Not percent-decoded.
std::optional<std::string_view> query_value(std::string_view query, std::string_view key);

class HttpServer {
 public:
  // Called from the server's thread, one at a time: the others wait.
  class Handler {
   public:
    // A function of a HttpQuery, or of nothing.
    template <typename Function>
    Handler(Function function) {  // NOLINT: as std::function
      if constexpr (std::is_invocable_v<Function&, const HttpQuery&>) {
        handle_ = std::move(function);
      } else {
        handle_ = [function = std::move(function)](const HttpQuery&) { return function(); };
      }
    }
    HttpResponse operator()(const HttpQuery& request) const { return handle_(request); }

   private:
    std::function<HttpResponse(const HttpQuery&)> handle_;
  };

  // Listens on "host:port" (port 0: any free one) and serves the handlers by exact path until it is
  // destroyed, which waits for a handler in progress.
  static Result<std::unique_ptr<HttpServer>> listen(std::string_view endpoint,
                                                    std::map<std::string, Handler> handlers);
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
};

}  // namespace kernspan
