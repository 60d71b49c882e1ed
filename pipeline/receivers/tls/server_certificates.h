#pragma once

#include <string>

#include "pipeline/base/error.h"
#include "pipeline/receivers/tls/server_tls_settings.h"

namespace kernspan {

// PEM texts that go together.
struct ServerCertificates {
  std::string certificate_chain;
  std::string private_key;
  std::string client_ca;  // empty: clients need no certificate

  bool operator==(const ServerCertificates&) const = default;
};

// Reads the files and checks that the key is the certificate's. The error names the file and what
// to look at. A certificate that has expired, or is not valid yet, is a warning in the log: its
// clients refuse it, and it may be replaced while the receiver runs.
Result<ServerCertificates> load_server_certificates(const ServerTlsSettings& settings);

}  // namespace kernspan
