// What `auth: {authenticator: ID}` refers to, at receivers and at exporters.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan {

// The value of a request's header, looked up by its name in lower case; nothing when it is absent.
using RequestHeaders = std::function<std::optional<std::string_view>(std::string_view name)>;

class ServerAuthenticator {
 public:
  virtual ~ServerAuthenticator() = default;

  // Whether the request may come in. The error says what was missing or wrong and never quotes what
  // the client sent. Takes a time that does not depend on how much of a secret was right. Any
  // thread.
  virtual Status authenticate(const RequestHeaders& headers) const = 0;
};

class ClientAuthenticator {
 public:
  using Header = std::pair<std::string, std::string>;  // name in lower case, value

  virtual ~ClientAuthenticator() = default;

  // What to add to the next request. Asked for each request, because tokens change. An error fails
  // the attempt, retryably. Any thread.
  virtual Result<std::vector<Header>> request_headers() const = 0;

  // Whether these headers must not travel in the clear: the exporter refuses `tls.insecure`.
  virtual bool requires_tls() const = 0;
};

}  // namespace kernspan
