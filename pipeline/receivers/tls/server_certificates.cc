#include "pipeline/receivers/tls/server_certificates.h"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/otlp/pem_file.h"

namespace kernspan {
namespace {

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Bio memory_bio(const std::string& text) {
  return {BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
}

// A key with a pass phrase would make OpenSSL ask the terminal.
int no_pass_phrase(char*, int, int, void*) {
  return 0;
}

Certificate first_certificate(const std::string& pem) {
  const Bio bio = memory_bio(pem);
  return {PEM_read_bio_X509(bio.get(), nullptr, no_pass_phrase, nullptr), X509_free};
}

Result<std::string> read_pem(const std::string& file, const std::string& pem) {
  return file.empty() ? Result<std::string>(pem) : otlp::read_pem_file(file);
}

Status check_pair(const ServerTlsSettings& settings, const ServerCertificates& loaded) {
  const std::string cert_name = settings.cert_file.empty() ? "cert_pem" : settings.cert_file;
  const std::string key_name = settings.key_file.empty() ? "key_pem" : settings.key_file;
  ERR_clear_error();
  const Certificate certificate = first_certificate(loaded.certificate_chain);
  if (certificate == nullptr) {
    return permanent(fmt::format("{} holds no certificate that can be read", cert_name));
  }
  const Bio bio = memory_bio(loaded.private_key);
  const Key key{PEM_read_bio_PrivateKey(bio.get(), nullptr, no_pass_phrase, nullptr),
                EVP_PKEY_free};
  if (key == nullptr) {
    return permanent(
        fmt::format("{} holds no private key that can be read; keys with a pass phrase are not "
                    "supported",
                    key_name));
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    ERR_clear_error();
    return permanent(
        fmt::format("{} is not the key of the first certificate in {}", key_name, cert_name));
  }
  if (X509_cmp_current_time(X509_get0_notAfter(certificate.get())) < 0) {
    log_warn("the certificate in {} has expired: clients will refuse it", cert_name);
  } else if (X509_cmp_current_time(X509_get0_notBefore(certificate.get())) > 0) {
    log_warn("the certificate in {} is not valid yet: clients will refuse it", cert_name);
  }
  return {};
}

}  // namespace

Result<ServerCertificates> load_server_certificates(const ServerTlsSettings& settings) {
  auto certificate = read_pem(settings.cert_file, settings.cert_pem);
  if (!certificate) return std::unexpected(certificate.error());
  auto key = read_pem(settings.key_file, settings.key_pem);
  if (!key) return std::unexpected(key.error());
  auto client_ca = read_pem(settings.client_ca_file, "");
  if (!client_ca) return std::unexpected(client_ca.error());
  ServerCertificates loaded{.certificate_chain = std::move(*certificate),
                            .private_key = std::move(*key),
                            .client_ca = std::move(*client_ca)};
  if (Status checked = check_pair(settings, loaded); !checked) {
    return std::unexpected(checked.error());
  }
  if (!loaded.client_ca.empty() && first_certificate(loaded.client_ca) == nullptr) {
    ERR_clear_error();
    return permanent(
        fmt::format("{} holds no certificate that can be read", settings.client_ca_file));
  }
  return loaded;
}

}  // namespace kernspan
