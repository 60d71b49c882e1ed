// The `tls` block of exporters, with the keys of the collector's client settings, and what a
// handshake needs of it.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "pipeline/base/error.h"
#include "pipeline/component/config_reader.h"

namespace kernspan {

enum class ClientTlsVersion : std::uint8_t { kDefault, kTls10, kTls11, kTls12, kTls13 };

struct ClientTlsSettings {
  bool insecure = false;
  bool insecure_skip_verify = false;
  std::string ca_file = {};  // empty, and no ca_pem: the system's certificate authorities
  std::string ca_pem = {};
  bool include_system_ca_certs_pool = false;
  std::string cert_file = {};  // with the key: what this client shows the server
  std::string cert_pem = {};
  std::string key_file = {};
  std::string key_pem = {};
  std::string server_name_override = {};
  ClientTlsVersion min_version = ClientTlsVersion::kDefault;  // 1.2
  ClientTlsVersion max_version = ClientTlsVersion::kDefault;  // the highest there is
  std::chrono::nanoseconds reload_interval{0};                // 0: files are read once

  // Upstream's rule: a certificate authority means TLS, whatever `insecure` says.
  bool plaintext() const { return insecure && ca_file.empty() && ca_pem.empty(); }
};

// Problems go to the reader.
void read_client_tls(ConfigReader& tls, ClientTlsSettings* settings);

// The PEM texts of one moment. Empty: the default authorities, no certificate.
struct ClientTlsMaterial {
  std::string ca;
  std::string certificate;
  std::string key;

  bool operator==(const ClientTlsMaterial&) const = default;
};

// Reads the files. An error names the file: it is missing, no PEM, or key and certificate do not
// belong together.
Result<ClientTlsMaterial> load_client_tls(const ClientTlsSettings& settings);

// Looks at the files again and again. Any thread.
class ClientTlsWatch {
 public:
  // `settings` outlive the watch; `path` is how messages call their component.
  ClientTlsWatch(const ClientTlsSettings& settings, std::string path)
      : settings_(settings), path_(std::move(path)) {}

  // Reads the files for the first time.
  Result<ClientTlsMaterial> load();

  // The new material, when reload_interval has passed since the last look and the files have
  // changed. Files that cannot be used (half of a rotation) leave things as they are, with a line
  // in the log. Costs a comparison when it is not time yet.
  std::optional<ClientTlsMaterial> changed();

 private:
  const ClientTlsSettings& settings_;
  const std::string path_;
  std::mutex mutex_;  // guards everything below
  ClientTlsMaterial current_;
  std::chrono::steady_clock::time_point next_look_;
};

}  // namespace kernspan
