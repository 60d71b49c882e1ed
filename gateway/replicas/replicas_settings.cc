#include "gateway/replicas/replicas_settings.h"

#include <algorithm>
#include <chrono>

#include "pipeline/component/config_reader.h"

namespace kernspan::replicas {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr char kDefaultEndpoint[] = "0.0.0.0:4319";
// What one message may have: a parcel larger than a hand-off's usual size is a single span.
constexpr std::uint64_t kMaxMessageBytes = 64 << 20;

bool is_everywhere(std::string_view endpoint) {
  return endpoint.starts_with(':') || endpoint.starts_with("0.0.0.0:") ||
         endpoint.starts_with("[::]:");
}

// A replica is known by the address that its peers call, which must be what their resolvers name.
void read_address(ConfigReader& reader, const std::string& endpoint, std::string* address) {
  reader.string("address", address);
  if (!address->empty()) {
    const std::size_t colon = endpoint.rfind(':');
    *address = with_port(*address, endpoint.substr(colon + 1));
  } else if (is_everywhere(endpoint)) {
    reader.error("address",
                 "is missing: say how the other replicas call this one, as their resolver names "
                 "it, for example ${env:POD_IP}");
  } else {
    *address = endpoint;
  }
}

void read_times(ConfigReader& reader, ReplicaSetSettings* set) {
  reader.duration("hello_interval", &set->hello_interval, milliseconds(10), minutes(1));
  reader.duration("down_after", &set->membership.down_after, milliseconds(10), minutes(10));
  reader.duration("forget_after", &set->membership.forget_after, milliseconds(0), minutes(60));
  reader.duration("settle_window", &set->settle_window, milliseconds(0), minutes(10));
  reader.duration("hand_off_timeout", &set->call_timeout, milliseconds(10), minutes(1));
}

void read_queue(ConfigReader& reader, ReplicaSetSettings* set) {
  std::uint64_t bytes = set->queue.max_bytes;
  reader.bytes("queue_size", &bytes, 1 << 20, std::uint64_t{64} << 30);
  set->queue.max_bytes = bytes;
  reader.integer<std::size_t>("num_consumers", &set->queue.max_in_flight, 1, 64);
  reader.integer<std::uint32_t>("max_hops", &set->max_hops, 1, 16);
}

void read_client(ConfigReader& peers, const Extensions& extensions, bool server_has_tls,
                 OtlpExporterSettings* client) {
  client->compression = Compression::kNone;
  client->tls.insecure = !server_has_tls;
  read_client_tls(peers.section("tls"), &client->tls);
  client->auth = read_client_auth(peers, extensions, client->tls.plaintext());
  peers.choice("compression", &client->compression,
               {{"none", Compression::kNone}, {"gzip", Compression::kGzip}});
}

}  // namespace

std::string with_port(const std::string& host, const std::string& port) {
  const auto colons = std::ranges::count(host, ':');
  if (host.starts_with('[')) {
    return host.find("]:") != std::string::npos ? host : host + ":" + port;
  }
  if (colons > 1) return "[" + host + "]:" + port;
  return colons == 1 ? host : host + ":" + port;
}

Result<ReplicasSettings> read_replicas_settings(const ConfigNode& node, const std::string& path,
                                                const Extensions& extensions,
                                                ConfigWarnings& warnings) {
  ReplicasSettings settings;
  ConfigReader reader(node, warnings, path);
  settings.server.endpoint = kDefaultEndpoint;
  settings.server.max_recv_msg_size_bytes = kMaxMessageBytes;
  reader.endpoint("endpoint", &settings.server.endpoint);
  read_address(reader, settings.server.endpoint, &settings.set.address);
  read_resolver(reader.section("resolver"), &settings.resolver);
  if (reader.has("tls")) {
    read_server_tls(reader.section("tls"), TlsLibrary::kGrpc, &settings.server.tls);
  }
  read_server_auth(reader, &settings.server.authenticator);
  settings.client.path = path + "::peers";
  read_client(reader.section("peers"), extensions, settings.server.tls.enabled, &settings.client);
  read_times(reader, &settings.set);
  read_queue(reader, &settings.set);
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return settings;
}

}  // namespace kernspan::replicas
