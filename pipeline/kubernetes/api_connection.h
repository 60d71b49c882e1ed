#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/kubernetes/api_access.h"

namespace kernspan::kube {

// GETs of the API, one after the other over one connection. interrupt() may be called from any
// thread, the rest from one.
class ApiConnection {
 public:
  // The next piece of a body; false ends the transfer.
  using OnData = std::function<bool(std::string_view)>;

  explicit ApiConnection(ApiAccess access);
  ~ApiConnection();

  struct Answer {
    long status = 0;
    bool ended_early = false;  // by on_data
    std::string etag = {};     // as the server wrote it; empty: it has none
  };
  // `target` is path and query. The body of a 200 goes to on_data as it comes; the message of
  // another status is in *reason (Kubernetes' own words). An error: no connection, a timeout, an
  // interruption; the token is in none.
  // With an etag the server may answer 304, without a body.
  Result<Answer> get(const std::string& target, std::chrono::nanoseconds timeout,
                     const OnData& on_data, std::string* reason, const std::string& etag = {});

  // Whether the last get() failed because a server that was reached did not answer in time.
  bool was_slow() const;

  // Ends the transfer under way and all to come.
  void interrupt();

 private:
  struct State;  // keeps libcurl's headers out of this one
  const std::unique_ptr<State> state_;
};

// For a query: "a=b" becomes "a%3Db".
std::string url_encoded(std::string_view text);

}  // namespace kernspan::kube
