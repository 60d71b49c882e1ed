#include "pipeline/receivers/http/tls_contexts.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <string_view>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan {
namespace {

namespace ssl = boost::asio::ssl;
using boost::system::error_code;

// client_ca_file_reload has no interval of its own.
constexpr auto kCaFileInterval = std::chrono::seconds(1);

std::string stamp_of(const std::string& path) {
  struct stat status{};
  if (stat(path.c_str(), &status) != 0) return "";
  return fmt::format("{}.{} {} {}", status.st_mtim.tv_sec, status.st_mtim.tv_nsec, status.st_size,
                     status.st_ino);
}

int version_number(TlsVersion version) {
  return version == TlsVersion::k13 ? TLS1_3_VERSION : TLS1_2_VERSION;
}

// Go's names of curves; OpenSSL calls three of them differently.
std::string group_name(const std::string& curve) {
  return curve.starts_with("P") && curve.size() == 4 ? "P-" + curve.substr(1) : curve;
}

Status set_ciphers(SSL_CTX* context, const std::vector<std::string>& names) {
  std::string tls12;
  for (const std::string& name : names) {
    // Go always offers those of TLS 1.3, and knows their names only to ignore them.
    if (name == "TLS_AES_128_GCM_SHA256" || name == "TLS_AES_256_GCM_SHA384" ||
        name == "TLS_CHACHA20_POLY1305_SHA256") {
      continue;
    }
    const std::string_view openssl_name = OPENSSL_cipher_name(name.c_str());
    if (openssl_name == "(NONE)") {
      return permanent(fmt::format("tls::cipher_suites: OpenSSL has no cipher suite \"{}\"", name));
    }
    if (!tls12.empty()) tls12 += ':';
    tls12 += openssl_name;
  }
  if (!tls12.empty() && SSL_CTX_set_cipher_list(context, tls12.c_str()) != 1) {
    return permanent("tls::cipher_suites: OpenSSL allows none of them");
  }
  return {};
}

Status set_curves(SSL_CTX* context, const std::vector<std::string>& names) {
  std::string groups;
  for (const std::string& name : names) groups += (groups.empty() ? "" : ":") + group_name(name);
  if (groups.empty() || SSL_CTX_set1_groups_list(context, groups.c_str()) == 1) return {};
  return permanent(
      "tls::curve_preferences: OpenSSL does not know all of them: X25519, P256, P384 and P521 are "
      "supported");
}

// This server speaks HTTP/1.1; a client that offers nothing of it is left to its own devices.
int choose_protocol(SSL*, const unsigned char** chosen, unsigned char* chosen_size,
                    const unsigned char* offered, unsigned offered_size, void*) {
  static constexpr unsigned char kHttp11[] = "\x08http/1.1";
  unsigned char* found = nullptr;
  if (SSL_select_next_proto(&found, chosen_size, kHttp11, sizeof kHttp11 - 1, offered,
                            offered_size) != OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TlsContexts::TlsContexts(ServerTlsSettings settings, std::string path, Counter& reload_failures)
    : settings_(std::move(settings)), path_(std::move(path)), reload_failures_(reload_failures) {
  if (settings_.reload_interval > std::chrono::nanoseconds(0)) {
    for (const std::string& file : {settings_.cert_file, settings_.key_file}) {
      if (!file.empty()) watched_.push_back({.path = file, .interval = settings_.reload_interval});
    }
  }
  if (settings_.client_ca_file_reload && !settings_.client_ca_file.empty()) {
    watched_.push_back({.path = settings_.client_ca_file, .interval = kCaFileInterval});
  }
}

Status TlsContexts::load() {
  changed_files(std::chrono::steady_clock::now());
  auto certificates = load_server_certificates(settings_);
  if (!certificates) return std::unexpected(certificates.error());
  auto made = make(*certificates);
  if (!made) return std::unexpected(made.error());
  loaded_ = std::move(*certificates);
  context_ = std::move(*made);
  return {};
}

const TlsContexts::Context& TlsContexts::current() {
  if (watched_.empty() || !changed_files(std::chrono::steady_clock::now())) return context_;
  auto certificates = load_server_certificates(settings_);
  if (certificates) {
    // Each by its own key: a file that is not to be reloaded stays as it was.
    if (settings_.reload_interval == std::chrono::nanoseconds(0)) {
      certificates->certificate_chain = loaded_.certificate_chain;
      certificates->private_key = loaded_.private_key;
    }
    if (!settings_.client_ca_file_reload) certificates->client_ca = loaded_.client_ca;
    if (*certificates == loaded_) return context_;
  }
  auto made = certificates ? make(*certificates) : std::unexpected(certificates.error());
  if (!made) {
    reload_failures_.add();
    log_warn("{}: keeps the TLS certificates it has: {}", path_, made.error().message);
    for (WatchedFile& file : watched_) file.stamp.clear();  // looks again after the interval
    return context_;
  }
  loaded_ = std::move(*certificates);
  context_ = std::move(*made);
  log_info("{}: new TLS certificates are in use", path_);
  return context_;
}

bool TlsContexts::changed_files(std::chrono::steady_clock::time_point now) {
  bool changed = false;
  for (WatchedFile& file : watched_) {
    if (now < file.next_look) continue;
    file.next_look =
        now + std::chrono::duration_cast<std::chrono::steady_clock::duration>(file.interval);
    std::string stamp = stamp_of(file.path);
    changed |= stamp != file.stamp;
    file.stamp = std::move(stamp);
  }
  return changed;
}

Result<TlsContexts::Context> TlsContexts::make(const ServerCertificates& certificates) const {
  auto made = std::make_shared<ssl::context>(ssl::context::tls_server);
  SSL_CTX* const native = made->native_handle();
  ERR_clear_error();
  SSL_CTX_set_min_proto_version(native, version_number(settings_.min_version));
  SSL_CTX_set_max_proto_version(native, version_number(settings_.max_version));
  // A resumed session would outlive the authority that vouched for its client.
  SSL_CTX_set_session_cache_mode(native, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_options(native, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(native, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(native, choose_protocol, nullptr);
  if (Status set = set_ciphers(native, settings_.cipher_suites); !set) {
    return std::unexpected(set.error());
  }
  if (Status set = set_curves(native, settings_.curve_preferences); !set) {
    return std::unexpected(set.error());
  }
  error_code error;
  made->use_certificate_chain(boost::asio::buffer(certificates.certificate_chain), error);
  if (!error) {
    made->use_private_key(boost::asio::buffer(certificates.private_key), ssl::context::pem, error);
  }
  if (!error && !certificates.client_ca.empty()) {
    made->set_verify_mode(ssl::verify_peer | ssl::verify_fail_if_no_peer_cert, error);
    if (!error) {
      made->add_certificate_authority(boost::asio::buffer(certificates.client_ca), error);
    }
  }
  if (error)
    return permanent(fmt::format("OpenSSL takes the certificates not: {}", error.message()));
  return made;
}

}  // namespace kernspan
