#include "pipeline/exporters/otlp/grpc_channel.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <grpcpp/support/channel_arguments.h>

#include <algorithm>
#include <chrono>
#include <limits>
#include <string>
#include <vector>

namespace kernspan {
namespace {

// A peer that comes back is found again after at most this long; gRPC's own default is two minutes.
constexpr int kMaxReconnectBackoffMs = 5'000;
constexpr int kInitialReconnectBackoffMs = 200;

int milliseconds_of(std::chrono::nanoseconds duration) {
  const auto count = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  return static_cast<int>(std::min<decltype(count)>(count, std::numeric_limits<int>::max()));
}

std::shared_ptr<grpc::ChannelCredentials> unverified(const ClientTlsMaterial& material) {
  using namespace grpc::experimental;
  TlsChannelCredentialsOptions options;
  options.set_verify_server_certs(false);
  options.set_check_call_host(false);
  options.set_certificate_verifier(std::make_shared<NoOpCertificateVerifier>());
  if (!material.certificate.empty()) {
    const std::vector<IdentityKeyCertPair> pairs = {{material.key, material.certificate}};
    options.set_certificate_provider(std::make_shared<StaticDataCertificateProvider>(pairs));
    options.watch_identity_key_cert_pairs();
  }
  return TlsCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> credentials(const ClientTlsSettings& tls,
                                                      const ClientTlsMaterial& material) {
  if (tls.plaintext()) return grpc::InsecureChannelCredentials();
  if (tls.insecure_skip_verify) return unverified(material);
  return grpc::SslCredentials({material.ca, material.key, material.certificate});
}

}  // namespace

std::shared_ptr<grpc::Channel> make_channel(const OtlpExporterSettings& settings,
                                            const ClientTlsMaterial& material) {
  grpc::ChannelArguments arguments;
  // Its own connections: two exporters to one peer share neither their fate nor their back-off.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, kInitialReconnectBackoffMs);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, kMaxReconnectBackoffMs);
  arguments.SetLoadBalancingPolicyName(settings.balancer == Balancer::kPickFirst ? "pick_first"
                                                                                 : "round_robin");
  arguments.SetUserAgentPrefix("kernspan/" KERNSPAN_VERSION);
  if (!settings.tls.server_name_override.empty()) {
    arguments.SetSslTargetNameOverride(settings.tls.server_name_override);
  }
  const KeepaliveSettings& keepalive = settings.keepalive;
  if (keepalive.time > std::chrono::nanoseconds{0}) {
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds_of(keepalive.time));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds_of(keepalive.timeout));
    arguments.SetInt(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS,
                     keepalive.permit_without_stream ? 1 : 0);
  }
  return grpc::CreateCustomChannel(settings.endpoint, credentials(settings.tls, material),
                                   arguments);
}

}  // namespace kernspan
