// An HTTP/1.1 server for telemetry, with a bound on everything that clients decide:
//
//   connections      max_connections; one more closes the one that has waited longest for a request
//                    (idle, or with half a head: a slow client cannot keep others out)
//   heads            32 KiB, within read_header_timeout
//   bodies           max_request_body_size on the wire and again when decompressed; five minutes, or
//                    read_timeout; all bodies together four times the largest or 64 MiB, then 429
//   requests         64 in work or waiting for it, then 429
//
// One thread moves bytes and answers what needs no body. Workers decompress, decode and hand on; a
// consumer that blocks (`block_on_overflow`) holds them, and then requests queue up and are refused
// with 429 and Retry-After, while connections, refusals and TLS go on.
#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "pipeline/base/error.h"
#include "pipeline/base/metrics.h"
#include "pipeline/component/authentication.h"
#include "pipeline/receivers/http/http_service.h"
#include "pipeline/receivers/http/http_settings.h"

namespace kernspan {

class HttpListener {
 public:
  // What does not come from the settings. All references outlive the listener.
  struct Environment {
    const std::string& path;  // how messages call the receiver: "receivers::otlp"
    HttpService& service;
    const ServerAuthenticator* authenticator;  // null: nobody is asked
    Counter& closed_connections;               // for max_connections
    Counter& failed_handshakes;
    Counter& tls_reload_failures;
  };

  HttpListener(HttpServerSettings settings, const Environment& environment);
  ~HttpListener();

  // Binds and begins to serve; once.
  Status start();
  // Refuses new requests, lets those in work end until the deadline, then closes their connections.
  // Waits for a service that is just taking a request. Idempotent.
  void stop(std::chrono::steady_clock::time_point deadline);

  int port() const;

 private:
  class Server;

  std::unique_ptr<Server> server_;
};

}  // namespace kernspan
