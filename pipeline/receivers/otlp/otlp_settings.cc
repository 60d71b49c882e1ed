#include "pipeline/receivers/otlp/otlp_settings.h"

#include <limits>

namespace kernspan {
namespace {

void read_tls(ConfigReader& tls, ServerTlsSettings* settings) {
  settings->enabled = true;
  tls.string("cert_file", &settings->cert_file);
  tls.string("key_file", &settings->key_file);
  tls.string("client_ca_file", &settings->client_ca_file);
  if (settings->cert_file.empty()) tls.require("cert_file", "a server needs a certificate");
  if (settings->key_file.empty()) tls.require("key_file", "a server needs its certificate's key");
}

void read_grpc(ConfigReader& grpc, GrpcServerSettings* settings) {
  // gRPC counts message sizes in an int.
  constexpr std::uint64_t kMaxMib = std::numeric_limits<std::int32_t>::max() >> 20;
  grpc.endpoint("endpoint", &settings->endpoint);
  std::uint64_t max_mib = settings->max_recv_msg_size_bytes >> 20;
  grpc.integer<std::uint64_t>("max_recv_msg_size_mib", &max_mib, 1, kMaxMib);
  settings->max_recv_msg_size_bytes = max_mib << 20;
  if (grpc.has("tls")) read_tls(grpc.section("tls"), &settings->tls);
  for (const char* key : {"read_buffer_size", "write_buffer_size"}) {
    grpc.ignored(key, "gRPC's own default is used");
  }
}

}  // namespace

Result<GrpcServerSettings> read_otlp_receiver_settings(const ConfigNode& node,
                                                       const std::string& path,
                                                       ConfigWarnings& warnings) {
  GrpcServerSettings settings;
  ConfigReader reader(node, warnings, path);
  ConfigReader& protocols = reader.section("protocols");
  // `grpc:` without anything below it asks for the defaults, so that null counts as there.
  const ConfigNode* protocols_node = node.find("protocols");
  const bool has_grpc = protocols_node != nullptr && protocols_node->find("grpc") != nullptr;
  if (protocols_node != nullptr && protocols_node->find("http") != nullptr) {
    protocols.node("http");
    protocols.error(
        "http",
        "OTLP over HTTP is not supported yet: remove the key, and let clients send OTLP over gRPC");
  }
  if (!has_grpc) {
    protocols.require("grpc", "a receiver needs a protocol: write `grpc:` for the defaults");
  }
  read_grpc(protocols.section("grpc"), &settings);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return settings;
}

}  // namespace kernspan
