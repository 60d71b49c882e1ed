// What a receiver gives its HTTP server: the endpoints behind it.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/base/metrics.h"

namespace kernspan {

// The head of a request, as far as services are told of it.
struct HttpHead {
  std::string method;
  std::string path;          // without the query
  std::string content_type;  // the media type alone, in lower case; empty when there is none
};

struct HttpServerAnswer {
  int status = 200;
  std::string content_type = {};
  std::string body = {};
  std::optional<std::chrono::seconds> retry_after = {};
};

// Why a request was refused before the service saw its body.
enum class HttpRefusal {
  kMalformed,        // no HTTP, or a body that does not decompress
  kTooLarge,         // 413
  kUnauthenticated,  // 401
  kUnsupported,      // 404, 405, 415
  kNotAdmitted,      // the pipeline takes nothing at the moment
  kOverloaded,       // this server's own bounds
  kTimeout,
};

class HttpService {
 public:
  virtual ~HttpService() = default;

  // Whether there is such an endpoint and it takes such a content: nothing, or the answer that says
  // why not. The server's thread.
  virtual std::optional<HttpServerAnswer> refuse(const HttpHead& head) const = 0;

  // Whether a body of so many bytes (as sent) would be taken at the moment: Consumer::admit(). The
  // server's thread.
  virtual Status admit(const HttpHead& head, std::size_t bytes) = 0;

  // Takes a body, decompressed. Several threads at once; may block, but see HttpListener.
  virtual HttpServerAnswer serve(const HttpHead& head, std::string body) = 0;

  // An error of the server's own, in words that the endpoint's clients understand. Any thread.
  virtual HttpServerAnswer error(const HttpHead& head, int status,
                                 std::string_view message) const = 0;

  // Books of the requests that end there. Any thread.
  virtual Counter& refused(HttpRefusal reason) = 0;
};

}  // namespace kernspan
