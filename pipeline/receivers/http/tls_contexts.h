#pragma once

#include <boost/asio/ssl/context.hpp>
#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "pipeline/base/error.h"
#include "pipeline/base/metrics.h"
#include "pipeline/receivers/tls/server_certificates.h"

namespace kernspan {

// The OpenSSL context of new connections, made anew when its files change: the collector's
// reload_interval and client_ca_file_reload. One thread.
class TlsContexts {
 public:
  using Context = std::shared_ptr<boost::asio::ssl::context>;

  // Settings that are enabled, and a counter of files that could not be used.
  TlsContexts(ServerTlsSettings settings, std::string path, Counter& reload_failures);

  // Reads the files for the first time.
  Status load();
  // Looks at the files when it is time to, and goes on with the last good ones when the new ones
  // cannot be used. After load().
  const Context& current();

 private:
  bool changed_files(std::chrono::steady_clock::time_point now);
  Result<Context> make(const ServerCertificates& certificates) const;

  struct WatchedFile {
    std::string path;
    std::chrono::nanoseconds interval;
    std::chrono::steady_clock::time_point next_look = {};
    std::string stamp = {};  // its time of change and size
  };

  const ServerTlsSettings settings_;
  const std::string path_;
  Counter& reload_failures_;
  std::vector<WatchedFile> watched_;
  ServerCertificates loaded_;
  Context context_;
};

}  // namespace kernspan
