#include "pipeline/component/client_tls.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <array>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "pipeline/base/log.h"
#include "pipeline/otlp/pem_file.h"

namespace kernspan {
namespace {

template <typename Object, void (*kFree)(Object*)>
struct Free {
  void operator()(Object* object) const { kFree(object); }
};
using Bio = std::unique_ptr<BIO, Free<BIO, BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;

Bio reading(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// A key with a passphrase cannot be read: nobody is there to type it.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

// `what` is the file, or the key of the settings that holds the text.
Status check_pair(const ClientTlsMaterial& material, std::string_view certificate_name,
                  std::string_view key_name) {
  const Certificate certificate(
      PEM_read_bio_X509(reading(material.certificate).get(), nullptr, no_passphrase, nullptr));
  if (certificate == nullptr) {
    return permanent(fmt::format("{} holds no readable certificate", certificate_name));
  }
  const Key key(
      PEM_read_bio_PrivateKey(reading(material.key).get(), nullptr, no_passphrase, nullptr));
  if (key == nullptr) {
    return permanent(
        fmt::format("{} holds no readable private key (without a passphrase)", key_name));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return permanent(fmt::format("{} is not the private key of the certificate in {}", key_name,
                                 certificate_name));
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    KERNSPAN_LOG_LIMITED(kWarn, "the certificate in {} has expired: peers will refuse it",
                         certificate_name);
  }
  return {};
}

// Where distributions keep their certificate authorities, in one file; empty when there is none.
std::string system_authorities() {
  static constexpr std::array<const char*, 4> kBundles = {
      "/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
      "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"};
  for (const char* path : kBundles) {
    std::error_code error;
    if (!std::filesystem::exists(path, error)) continue;
    if (auto text = otlp::read_pem_file(path)) return *std::move(text);
  }
  return "";
}

Result<std::string> text_of(const std::string& file, const std::string& pem) {
  return file.empty() ? pem : otlp::read_pem_file(file);
}

std::string_view name_of(const std::string& file, std::string_view key) {
  return file.empty() ? key : std::string_view(file);
}

void read_version(ConfigReader& tls, std::string_view key, ClientTlsVersion* version) {
  tls.choice(key, version,
             {{"1.2", ClientTlsVersion::kTls12},
              {"1.3", ClientTlsVersion::kTls13},
              {"1.1", ClientTlsVersion::kTls11},
              {"1.0", ClientTlsVersion::kTls10},
              {"", ClientTlsVersion::kDefault}});
}

void read_file_or_pem(ConfigReader& tls, const std::string& name, std::string* file,
                      std::string* pem) {
  tls.string(name + "_file", file);
  tls.secret(name + "_pem", pem);
  if (!file->empty() && !pem->empty()) {
    tls.error(name + "_pem", fmt::format("provide either {0}_file or {0}_pem, not both", name));
  }
  if (!pem->empty() && pem->find("-----BEGIN ") == std::string::npos) {
    tls.error(name + "_pem", "is not PEM: it has no BEGIN line");
  }
}

}  // namespace

void read_client_tls(ConfigReader& tls, ClientTlsSettings* settings) {
  tls.boolean("insecure", &settings->insecure);
  tls.boolean("insecure_skip_verify", &settings->insecure_skip_verify);
  read_file_or_pem(tls, "ca", &settings->ca_file, &settings->ca_pem);
  tls.boolean("include_system_ca_certs_pool", &settings->include_system_ca_certs_pool);
  read_file_or_pem(tls, "cert", &settings->cert_file, &settings->cert_pem);
  read_file_or_pem(tls, "key", &settings->key_file, &settings->key_pem);
  tls.string("server_name_override", &settings->server_name_override);
  read_version(tls, "min_version", &settings->min_version);
  read_version(tls, "max_version", &settings->max_version);
  tls.duration("reload_interval", &settings->reload_interval);

  const bool has_certificate = !settings->cert_file.empty() || !settings->cert_pem.empty();
  const bool has_key = !settings->key_file.empty() || !settings->key_pem.empty();
  if (has_certificate != has_key) {
    tls.error(has_key ? "key_file" : "cert_file",
              "certificate and key are only useful together: give both, cert_file and key_file (or "
              "their _pem forms)");
  }
  const ClientTlsVersion min = settings->min_version == ClientTlsVersion::kDefault
                                   ? ClientTlsVersion::kTls12
                                   : settings->min_version;
  if (settings->max_version != ClientTlsVersion::kDefault && settings->max_version < min) {
    tls.error("max_version", "is lower than min_version, which is 1.2 unless it is set");
  }
  for (const char* key : {"cipher_suites", "curve_preferences"}) {
    if (tls.has(key)) tls.error(key, "is not supported: remove it for the library's safe default");
  }
  if (settings->insecure_skip_verify) {
    tls.warning("insecure_skip_verify",
                "whoever sits between may read and change everything: name the certificate "
                "authority in ca_file instead");
  }
}

Result<ClientTlsMaterial> load_client_tls(const ClientTlsSettings& settings) {
  ClientTlsMaterial material;
  auto ca = text_of(settings.ca_file, settings.ca_pem);
  if (!ca) return std::unexpected(ca.error());
  material.ca = *std::move(ca);
  if (!material.ca.empty() && settings.include_system_ca_certs_pool) {
    material.ca += "\n" + system_authorities();
  }
  auto certificate = text_of(settings.cert_file, settings.cert_pem);
  if (!certificate) return std::unexpected(certificate.error());
  material.certificate = *std::move(certificate);
  auto key = text_of(settings.key_file, settings.key_pem);
  if (!key) return std::unexpected(key.error());
  material.key = *std::move(key);
  if (!material.certificate.empty()) {
    const Status pair = check_pair(material, name_of(settings.cert_file, "cert_pem"),
                                   name_of(settings.key_file, "key_pem"));
    if (!pair) return std::unexpected(pair.error());
  }
  return material;
}

Result<ClientTlsMaterial> ClientTlsWatch::load() {
  auto material = load_client_tls(settings_);
  if (!material) {
    return permanent(fmt::format("{}: tls: {}", path_, material.error().message));
  }
  const std::scoped_lock lock(mutex_);
  current_ = *material;
  next_look_ = std::chrono::steady_clock::now() + settings_.reload_interval;
  return material;
}

std::optional<ClientTlsMaterial> ClientTlsWatch::changed() {
  if (settings_.reload_interval <= std::chrono::nanoseconds{0}) return std::nullopt;
  const std::scoped_lock lock(mutex_);
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return std::nullopt;
  next_look_ = now + settings_.reload_interval;
  auto material = load_client_tls(settings_);
  if (!material) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: tls: {}; what was read before stays in use", path_,
                         material.error().message);
    return std::nullopt;
  }
  if (*material == current_) return std::nullopt;
  current_ = *material;
  log_info("{}: tls: the files have changed, new connections use them", path_);
  return *std::move(material);
}

}  // namespace kernspan
