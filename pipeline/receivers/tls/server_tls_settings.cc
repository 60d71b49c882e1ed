#include "pipeline/receivers/tls/server_tls_settings.h"

namespace kernspan {
namespace {

// Exactly one of a file and a text.
void read_pem(ConfigReader& tls, const char* file_key, const char* pem_key, const char* why,
              std::string* file, std::string* pem) {
  tls.string(file_key, file);
  tls.secret(pem_key, pem);
  if (!file->empty() && !pem->empty()) {
    tls.error(pem_key, std::string("is set as well as ") + file_key + ": keep one of them");
  } else if (file->empty() && pem->empty()) {
    tls.require(file_key, why);
  }
}

void read_versions(ConfigReader& tls, TlsLibrary library, ServerTlsSettings* settings) {
  tls.choice("min_version", &settings->min_version,
             {{"1.2", TlsVersion::k12}, {"1.3", TlsVersion::k13}});
  tls.choice("max_version", &settings->max_version,
             {{"1.2", TlsVersion::k12}, {"1.3", TlsVersion::k13}});
  if (settings->max_version < settings->min_version) {
    tls.error("max_version", "is below min_version");
  }
  if (library == TlsLibrary::kOpenSsl) return;
  if (settings->min_version != TlsVersion::k12) {
    tls.error(
        "min_version",
        "cannot be set for gRPC, which takes TLS 1.2 and 1.3: remove the key, or receive over "
        "protocols::http");
  }
  if (settings->max_version != TlsVersion::k13) {
    tls.error(
        "max_version",
        "cannot be set for gRPC, which takes TLS 1.2 and 1.3: remove the key, or receive over "
        "protocols::http");
  }
}

}  // namespace

void read_server_tls(ConfigReader& tls, TlsLibrary library, ServerTlsSettings* settings) {
  settings->enabled = true;
  read_pem(tls, "cert_file", "cert_pem", "a server needs a certificate", &settings->cert_file,
           &settings->cert_pem);
  read_pem(tls, "key_file", "key_pem", "a server needs its certificate's key", &settings->key_file,
           &settings->key_pem);
  tls.string("client_ca_file", &settings->client_ca_file);
  tls.boolean("client_ca_file_reload", &settings->client_ca_file_reload);
  tls.duration("reload_interval", &settings->reload_interval);
  read_versions(tls, library, settings);
  for (const auto& [key, list] : {std::pair{"cipher_suites", &settings->cipher_suites},
                                  std::pair{"curve_preferences", &settings->curve_preferences}}) {
    tls.string_list(key, list);
    if (!list->empty() && library == TlsLibrary::kGrpc) {
      tls.error(key, "cannot be set for gRPC, which has a safe choice of its own: remove the key");
    }
  }
  if (settings->client_ca_file_reload && library == TlsLibrary::kGrpc &&
      (settings->cert_file.empty() || settings->key_file.empty())) {
    tls.error("client_ca_file_reload", "needs cert_file and key_file with gRPC: texts stay");
  }
  for (const char* key : {"ca_file", "ca_pem"}) {
    tls.ignored(key, "it is for clients; a server checks its clients by client_ca_file");
  }
  bool include_system_pool = false;
  tls.boolean("include_system_ca_certs_pool", &include_system_pool);
  if (include_system_pool) {
    tls.error("include_system_ca_certs_pool",
              "would let every public authority vouch for clients: put those that may into "
              "client_ca_file");
  }
}

}  // namespace kernspan
