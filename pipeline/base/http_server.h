// A small HTTP/1 server for the endpoints that operators and probes ask: /metrics, health. GET and
// HEAD only, a few requests at a time, nothing that a client sends is kept. Not for telemetry.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"

namespace kernspan {

struct HttpResponse {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
};

class HttpServer {
 public:
  // Called from the server's thread, one at a time; must not take long.
  using Handler = std::function<HttpResponse()>;

  // Listens on "host:port" (port 0: any free one) and serves the handlers by exact path until it is
  // destroyed, which waits for a handler in progress.
  static Result<std::unique_ptr<HttpServer>> listen(std::string_view endpoint,
                                                    std::map<std::string, Handler> handlers);
  virtual ~HttpServer() = default;

  virtual std::uint16_t port() const = 0;
};

}  // namespace kernspan
