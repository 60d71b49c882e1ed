#include "tools/kernspan/probe/tls_step.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <ctime>
#include <memory>
#include <utility>

namespace kernspan::tools {
namespace {

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};
using SslContext = std::unique_ptr<SSL_CTX, Freer<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Freer<SSL_free>>;
using Bio = std::unique_ptr<BIO, Freer<BIO_free>>;
using Names = std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>>;

// The reason of OpenSSL's newest error; its queue is left empty.
std::string take_error() {
  const unsigned long code = ::ERR_peek_last_error();
  ::ERR_clear_error();
  if (code == 0) return "the peer closed the connection, or did not answer in time";
  const char* reason = ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : fmt::format("error {:x}", code);
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> ignored{};
  return ::inet_pton(AF_INET, host.c_str(), ignored.data()) == 1 ||
         ::inet_pton(AF_INET6, host.c_str(), ignored.data()) == 1;
}

Status load_files(SSL_CTX* context, const PeerOptions& options) {
  const bool has_ca = options.ca_file.empty()
                          ? ::SSL_CTX_set_default_verify_paths(context) == 1
                          : ::SSL_CTX_load_verify_file(context, options.ca_file.c_str()) == 1;
  if (!has_ca) return permanent(fmt::format("--ca-file {}: {}", options.ca_file, take_error()));
  if (options.cert_file.empty() != options.key_file.empty()) {
    return permanent("--cert-file and --key-file are only useful together");
  }
  if (options.cert_file.empty()) return {};
  if (::SSL_CTX_use_certificate_chain_file(context, options.cert_file.c_str()) != 1) {
    return permanent(fmt::format("--cert-file {}: {}", options.cert_file, take_error()));
  }
  if (::SSL_CTX_use_PrivateKey_file(context, options.key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    return permanent(fmt::format("--key-file {}: {}", options.key_file, take_error()));
  }
  return {};
}

std::string one_line(const X509_NAME* name) {
  const Bio out(::BIO_new(::BIO_s_mem()));
  ::X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> result;
  const Names names(static_cast<GENERAL_NAMES*>(
      ::X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  const int count = names == nullptr ? 0 : sk_GENERAL_NAME_num(names.get());
  for (int i = 0; i < count; ++i) {
    const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type != GEN_DNS && name->type != GEN_IPADD) continue;
    const ASN1_STRING* value = name->type == GEN_DNS ? name->d.dNSName : name->d.iPAddress;
    const auto* bytes = ::ASN1_STRING_get0_data(value);
    const auto size = static_cast<std::size_t>(::ASN1_STRING_length(value));
    if (name->type == GEN_DNS) {
      result.emplace_back(reinterpret_cast<const char*>(bytes), size);
      continue;
    }
    std::array<char, INET6_ADDRSTRLEN> text{};
    const int family = size == sizeof(in_addr) ? AF_INET : AF_INET6;
    if (size != sizeof(in_addr) && size != sizeof(in6_addr)) continue;
    if (::inet_ntop(family, bytes, text.data(), text.size()) != nullptr) {
      result.emplace_back(text.data());
    }
  }
  return result;
}

Certificate describe(const X509* certificate) {
  Certificate result;
  result.subject = one_line(::X509_get_subject_name(certificate));
  result.issuer = one_line(::X509_get_issuer_name(certificate));
  result.names = names_of(certificate);
  const ASN1_TIME* end = ::X509_get0_notAfter(certificate);
  std::tm time = {};
  int days = 0;
  int seconds = 0;
  if (::ASN1_TIME_to_tm(end, &time) == 1 && ::ASN1_TIME_diff(&days, &seconds, nullptr, end) == 1) {
    std::array<char, 32> text{};
    std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%SZ", &time);
    result.not_after = text.data();
    result.days_left = days != 0 || seconds >= 0 ? days : -1;
  }
  return result;
}

// Called when the server asks for a certificate and none is configured: remembers it, gives none.
int note_request(SSL* ssl, X509**, EVP_PKEY**) {
  *static_cast<bool*>(SSL_get_app_data(ssl)) = true;
  return 0;
}

// In TLS 1.3 a server that misses the client's certificate says so only after the handshake, in
// answer to the first bytes. A client of HTTP/2 speaks first: its preface and empty SETTINGS.
Status wait_for_verdict(SSL* ssl) {
  static constexpr char kPreface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0";
  if (::SSL_write(ssl, kPreface, sizeof(kPreface) - 1) <= 0) {
    return permanent("after the handshake: " + take_error());
  }
  char byte = 0;
  if (::SSL_read(ssl, &byte, 1) <= 0) return permanent("after the handshake: " + take_error());
  return {};
}

TlsReport report_of(SSL* ssl) {
  TlsReport report;
  report.protocol = ::SSL_get_version(ssl);
  report.cipher = ::SSL_get_cipher_name(ssl);
  const unsigned char* alpn = nullptr;
  unsigned int alpn_size = 0;
  ::SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
  if (alpn != nullptr) report.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  const STACK_OF(X509)* chain = ::SSL_get_peer_cert_chain(ssl);
  const int count = chain == nullptr ? 0 : sk_X509_num(chain);
  for (int i = 0; i < count; ++i) report.chain.push_back(describe(sk_X509_value(chain, i)));
  const long verified = ::SSL_get_verify_result(ssl);
  if (verified != X509_V_OK) report.problem = ::X509_verify_cert_error_string(verified);
  return report;
}

}  // namespace

Result<TlsReport> shake_hands(const Connection& connection, const PeerOptions& options,
                              const std::string& host) {
  const SslContext context(::SSL_CTX_new(::TLS_client_method()));
  ::SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  if (Status loaded = load_files(context.get(), options); !loaded) {
    return std::unexpected(loaded.error());
  }
  // Verification runs and leaves its result; the handshake goes on, so that there is a chain to
  // show.
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);
  ::SSL_CTX_set_client_cert_cb(context.get(), note_request);
  const Ssl ssl(::SSL_new(context.get()));
  bool was_asked = false;
  SSL_set_app_data(ssl.get(), &was_asked);
  static constexpr unsigned char kHttp2[] = "\x02h2";
  static constexpr unsigned char kHttp1First[] = "\x08http/1.1\x02h2";
  const unsigned char* alpn = options.http ? kHttp1First : kHttp2;
  const std::size_t alpn_size = (options.http ? sizeof(kHttp1First) : sizeof(kHttp2)) - 1;
  ::SSL_set_alpn_protos(ssl.get(), alpn, static_cast<unsigned int>(alpn_size));
  const std::string& name = options.server_name.empty() ? host : options.server_name;
  if (is_address(name)) {
    ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl.get()), name.c_str());
  } else {
    ::SSL_set_tlsext_host_name(ssl.get(), name.c_str());
    ::SSL_set1_host(ssl.get(), name.c_str());
  }
  if (::SSL_set_fd(ssl.get(), connection.fd()) != 1 || ::SSL_connect(ssl.get()) != 1) {
    return permanent(take_error() +
                     (was_asked ? "; the server asked for a client certificate" : ""));
  }
  TlsReport report = report_of(ssl.get());
  if (report.alpn == "h2" && report.problem.empty()) {
    if (Status verdict = wait_for_verdict(ssl.get()); !verdict) {
      report.problem = was_asked ? "the server asked for a client certificate, got none, and ended "
                                   "the connection"
                                 : verdict.error().message;
    }
  }
  return report;
}

}  // namespace kernspan::tools
