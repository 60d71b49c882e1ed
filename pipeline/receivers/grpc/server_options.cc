#include "pipeline/receivers/grpc/server_options.h"

#include <grpcpp/resource_quota.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/receivers/tls/server_certificates.h"

namespace kernspan {
namespace {

namespace tls_api = grpc::experimental;
using Provider = std::shared_ptr<tls_api::CertificateProviderInterface>;

bool reloads(const ServerTlsSettings& tls) {
  return tls.reload_interval > std::chrono::nanoseconds(0) || tls.client_ca_file_reload;
}

Provider watching_provider(const ServerTlsSettings& tls) {
  const auto seconds = std::chrono::ceil<std::chrono::seconds>(
      tls.client_ca_file_reload ? std::chrono::nanoseconds(1) : tls.reload_interval);
  return std::make_shared<tls_api::FileWatcherCertificateProvider>(
      tls.key_file, tls.cert_file, tls.client_ca_file, static_cast<unsigned>(seconds.count()));
}

Provider static_provider(const ServerCertificates& loaded) {
  const std::vector<tls_api::IdentityKeyCertPair> pairs = {
      {.private_key = loaded.private_key, .certificate_chain = loaded.certificate_chain}};
  return std::make_shared<tls_api::StaticDataCertificateProvider>(loaded.client_ca, pairs);
}

}  // namespace

Result<std::shared_ptr<grpc::ServerCredentials>> make_server_credentials(
    const ServerTlsSettings& tls) {
  if (!tls.enabled) return grpc::InsecureServerCredentials();
  // Also where gRPC reads the files itself: it would only say so in its log, handshake by handshake.
  const auto loaded = load_server_certificates(tls);
  if (!loaded) return std::unexpected(loaded.error());
  const bool has_files = !tls.cert_file.empty() && !tls.key_file.empty();
  tls_api::TlsServerCredentialsOptions options(
      reloads(tls) && has_files ? watching_provider(tls) : static_provider(*loaded));
  options.watch_identity_key_cert_pairs();
  if (!loaded->client_ca.empty()) options.watch_root_certs();
  options.set_cert_request_type(loaded->client_ca.empty()
                                    ? GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE
                                    : GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  return tls_api::TlsServerCredentials(options);
}

void set_server_options(const GrpcServerSettings& settings, grpc::ServerBuilder& builder) {
  const auto set_number = [&](const char* argument, std::uint64_t value) {
    constexpr std::uint64_t kMax = std::numeric_limits<int>::max();
    builder.AddChannelArgument(argument, static_cast<int>(std::min(value, kMax)));
  };
  const auto set_time = [&](const char* argument, std::optional<std::chrono::nanoseconds> time) {
    if (!time) return;
    const auto ms = std::chrono::ceil<std::chrono::milliseconds>(*time);
    set_number(argument, static_cast<std::uint64_t>(ms.count()));
  };
  builder.SetMaxReceiveMessageSize(static_cast<int>(settings.max_recv_msg_size_bytes));
  grpc::ResourceQuota quota;
  quota.Resize(settings.max_buffered_bytes);
  builder.SetResourceQuota(quota);
  set_number(GRPC_ARG_MAX_CONCURRENT_STREAMS, settings.max_concurrent_streams);
  if (settings.read_buffer_bytes > 0) {
    set_number(GRPC_ARG_TCP_READ_CHUNK_SIZE, settings.read_buffer_bytes);
  }
  if (settings.write_buffer_bytes > 0) {
    set_number(GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, settings.write_buffer_bytes);
  }
  const GrpcKeepaliveSettings& keepalive = settings.keepalive;
  set_time(GRPC_ARG_MAX_CONNECTION_IDLE_MS, keepalive.max_connection_idle);
  set_time(GRPC_ARG_MAX_CONNECTION_AGE_MS, keepalive.max_connection_age);
  set_time(GRPC_ARG_MAX_CONNECTION_AGE_GRACE_MS, keepalive.max_connection_age_grace);
  set_time(GRPC_ARG_KEEPALIVE_TIME_MS, keepalive.time);
  set_time(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, keepalive.timeout);
  set_time(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, keepalive.min_time);
  set_number(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, keepalive.permit_without_stream ? 1 : 0);
  // Without this two programs may listen on one port, and each gets some of the connections.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
}

}  // namespace kernspan
