// `tls:` of a receiver.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "pipeline/component/config_reader.h"

namespace kernspan {

enum class TlsVersion { k12, k13 };

struct ServerTlsSettings {
  bool enabled = false;
  // Of each pair exactly one is set.
  std::string cert_file = {};
  std::string cert_pem = {};
  std::string key_file = {};
  std::string key_pem = {};
  std::string client_ca_file = {};  // set: every client must show a certificate that it signed
  bool client_ca_file_reload = false;
  std::chrono::nanoseconds reload_interval{0};  // 0: certificate and key are read once
  TlsVersion min_version = TlsVersion::k12;
  TlsVersion max_version = TlsVersion::k13;
  std::vector<std::string> cipher_suites = {};  // Go's names, which are the RFCs'
  std::vector<std::string> curve_preferences = {};
};

// What a server's TLS library can be told.
enum class TlsLibrary {
  kOpenSsl,
  kGrpc,  // versions, ciphers and curves are its own
};

// Reads the section; a key that has no effect with the library is an error that says so.
void read_server_tls(ConfigReader& tls, TlsLibrary library, ServerTlsSettings* settings);

}  // namespace kernspan
