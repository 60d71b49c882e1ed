#include "pipeline/receivers/otlp/otlp_settings.h"

#include <limits>

namespace kernspan {
namespace {

// gRPC counts in an int, milliseconds too.
constexpr std::uint64_t kMaxBufferedMib = 1 << 20;
constexpr std::uint64_t kMaxInt = std::numeric_limits<std::int32_t>::max();

void read_keepalive_time(ConfigReader& section, const char* key,
                         std::optional<std::chrono::nanoseconds>* value) {
  std::chrono::nanoseconds read{0};
  section.duration(key, &read);
  if (read > std::chrono::nanoseconds(0)) *value = read;  // zero is the default, as upstream
}

void read_keepalive(ConfigReader& keepalive, GrpcKeepaliveSettings* settings) {
  ConfigReader& server = keepalive.section("server_parameters");
  read_keepalive_time(server, "max_connection_idle", &settings->max_connection_idle);
  read_keepalive_time(server, "max_connection_age", &settings->max_connection_age);
  read_keepalive_time(server, "max_connection_age_grace", &settings->max_connection_age_grace);
  read_keepalive_time(server, "time", &settings->time);
  read_keepalive_time(server, "timeout", &settings->timeout);
  ConfigReader& policy = keepalive.section("enforcement_policy");
  read_keepalive_time(policy, "min_time", &settings->min_time);
  policy.boolean("permit_without_stream", &settings->permit_without_stream);
}

void read_transport(ConfigReader& grpc) {
  std::string transport = "tcp";
  grpc.string("transport", &transport);
  if (transport != "tcp") grpc.error("transport", "only tcp is supported");
}

void read_grpc(ConfigReader& grpc, GrpcServerSettings* settings) {
  grpc.endpoint("endpoint", &settings->endpoint);
  read_transport(grpc);
  std::uint64_t max_mib = settings->max_recv_msg_size_bytes >> 20;
  grpc.integer<std::uint64_t>("max_recv_msg_size_mib", &max_mib, 1, kMaxInt >> 20);
  settings->max_recv_msg_size_bytes = max_mib << 20;
  std::uint32_t streams = 0;
  grpc.integer<std::uint32_t>("max_concurrent_streams", &streams, 0, kMaxInt);
  if (streams > 0) settings->max_concurrent_streams = streams;
  std::uint64_t buffered_mib = settings->max_buffered_bytes >> 20;
  grpc.integer<std::uint64_t>("max_buffered_mib", &buffered_mib, 16, kMaxBufferedMib);
  settings->max_buffered_bytes = buffered_mib << 20;
  if (buffered_mib < 2 * max_mib) {
    grpc.error("max_buffered_mib", "must be at least twice max_recv_msg_size_mib");
  }
  grpc.bytes("read_buffer_size", &settings->read_buffer_bytes, 0, 32 << 20);
  grpc.bytes("write_buffer_size", &settings->write_buffer_bytes, 0, 32 << 20);
  grpc.duration("message_timeout", &settings->message_timeout, std::chrono::milliseconds(100),
                std::chrono::minutes(60));
  read_keepalive(grpc.section("keepalive"), &settings->keepalive);
  if (grpc.has("tls")) read_server_tls(grpc.section("tls"), TlsLibrary::kGrpc, &settings->tls);
  read_server_auth(grpc, &settings->authenticator);
  grpc.ignored("include_metadata", "no component of this engine reads a client's metadata");
}

void read_url_path(ConfigReader& http, const char* key, std::string* path) {
  http.string(key, path);
  if (path->empty()) {
    http.error(key, "must not be empty");
  } else if (!path->starts_with('/')) {
    *path = "/" + *path;
  }
}

void read_http(ConfigReader& http, OtlpHttpServerSettings* settings) {
  read_transport(http);
  read_http_server(http, &settings->server);
  read_url_path(http, "traces_url_path", &settings->traces_path);
  read_url_path(http, "metrics_url_path", &settings->metrics_path);
  if (settings->traces_path == settings->metrics_path) {
    http.error("metrics_url_path", "is the same as traces_url_path");
  }
  for (const char* key : {"logs_url_path", "profiles_url_path"}) {
    http.ignored(key, "this engine carries traces and metrics");
  }
}

}  // namespace

Result<OtlpReceiverSettings> read_otlp_receiver_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         ConfigWarnings& warnings) {
  OtlpReceiverSettings settings;
  ConfigReader reader(node, warnings, path);
  ConfigReader& protocols = reader.section("protocols");
  // `grpc:` without anything below it asks for the defaults, so that null counts as there.
  const ConfigNode* protocols_node = node.find("protocols");
  const auto has = [&](std::string_view protocol) {
    return protocols_node != nullptr && protocols_node->find(protocol) != nullptr;
  };
  if (has("grpc")) read_grpc(protocols.section("grpc"), &settings.grpc.emplace());
  if (has("http")) read_http(protocols.section("http"), &settings.http.emplace());
  if (!has("grpc") && !has("http")) {
    protocols.require(
        "grpc", "a receiver needs a protocol: write `grpc:` or `http:`, or both, for the defaults");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return settings;
}

}  // namespace kernspan
