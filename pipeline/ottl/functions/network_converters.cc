// Converters of network addresses.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/ottl/functions/as_string.h"
#include "pipeline/ottl/functions/builders.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/hashes.h"

namespace kernspan::ottl {
namespace {

// In network order: 4 bytes, or 16. IPv4 written as IPv6 (::ffff:1.2.3.4) is IPv4.
std::optional<std::string> address_bytes(std::string_view text) {
  const std::string terminated(text);
  std::array<char, sizeof(in6_addr)> bytes{};
  if (inet_pton(AF_INET, terminated.c_str(), bytes.data()) == 1) {
    return std::string(bytes.data(), sizeof(in_addr));
  }
  if (inet_pton(AF_INET6, terminated.c_str(), bytes.data()) != 1) return std::nullopt;
  constexpr std::string_view kMapped("\0\0\0\0\0\0\0\0\0\0\xFF\xFF", 12);
  const std::string_view address(bytes.data(), bytes.size());
  return std::string(address.starts_with(kMapped) ? address.substr(12) : address);
}

struct Network {
  std::string address;
  unsigned prefix_bits = 0;

  bool contains(std::string_view other) const {
    if (other.size() != address.size()) return false;
    const std::size_t whole = prefix_bits / 8;
    if (other.substr(0, whole) != std::string_view(address).substr(0, whole)) return false;
    if (prefix_bits % 8 == 0) return true;
    const auto mask = static_cast<std::uint8_t>(0xFF << (8 - prefix_bits % 8));
    return ((static_cast<std::uint8_t>(other[whole]) ^ static_cast<std::uint8_t>(address[whole])) &
            mask) == 0;
  }
};

Result<Network> parse_network(std::string_view text) {
  const auto refuse = [&] { return permanent("invalid CIDR address"); };
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return refuse();
  std::optional<std::string> address = address_bytes(text.substr(0, slash));
  if (!address) return refuse();
  Network network{*std::move(address)};
  const std::string_view bits = text.substr(slash + 1);
  const auto [end, error] =
      std::from_chars(bits.data(), bits.data() + bits.size(), network.prefix_bits);
  if (error != std::errc() || end != bits.data() + bits.size() ||
      network.prefix_bits > network.address.size() * 8) {
    return refuse();
  }
  return network;
}

// The networks when they are all literals; nothing when some are only known per record.
Result<std::optional<std::vector<Network>>> literal_networks(
    const std::vector<GetterPtr>& getters) {
  std::vector<Network> networks;
  for (const GetterPtr& getter : getters) {
    const Value* const literal = getter->literal();
    if (literal == nullptr || !literal->is(ValueType::kString)) return std::nullopt;
    Result<Network> network = parse_network(literal->as_string());
    if (!network) return std::unexpected(network.error());
    networks.push_back(*std::move(network));
  }
  return networks;
}

Result<Value> is_in_any(std::string_view address, const std::vector<GetterPtr>& getters,
                        Evaluation& at) {
  for (const GetterPtr& getter : getters) {
    const Result<Value> text = getter->get(at);
    if (!text) return text;
    const Result<Network> network = parse_network(text->as_string());
    if (!network) return std::unexpected(network.error());
    if (network->contains(address)) return Value::boolean(true);
  }
  return Value::boolean(false);
}

Result<Callable> build_is_in_cidr(Arguments& arguments) {
  auto target_getter = arguments.getter(0);
  std::vector<GetterPtr> getters = arguments.getters(1);
  auto networks = literal_networks(getters);
  if (!networks) return std::unexpected(networks.error());
  return [target_getter = std::move(target_getter), getters = std::move(getters),
          networks = *std::move(networks)](Evaluation& at) -> Result<Value> {
    const Result<Value> target = target_getter->get(at);
    if (!target) return target;
    const std::optional<std::string> address = address_bytes(target->as_string());
    if (!address) return Value::boolean(false);
    if (!networks) return is_in_any(*address, getters, at);
    return Value::boolean(std::any_of(networks->begin(), networks->end(),
                                      [&](const Network& one) { return one.contains(*address); }));
  };
}

struct Endpoint {
  std::string address;
  std::int64_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};

std::optional<char> protocol_number(std::string_view name) {
  if (name == "ICMP") return '\x01';
  if (name == "TCP") return '\x06';
  if (name == "UDP") return '\x11';
  if (name == "RSVP") return '\x2E';
  if (name == "ICMP6") return '\x3A';
  if (name == "SCTP") return '\x84';
  return std::nullopt;
}

std::string big_endian_16(std::int64_t number) {
  return {static_cast<char>(number >> 8 & 0xFF), static_cast<char>(number & 0xFF)};
}

// Spec: github.com/corelight/community-id-spec, version 1.
Result<std::string> community_id(Endpoint source, Endpoint destination, char protocol,
                                 std::int64_t seed) {
  if (destination < source) std::swap(source, destination);
  std::string flow = big_endian_16(seed) + source.address + destination.address;
  flow += protocol;
  flow += '\0';
  flow += big_endian_16(source.port) + big_endian_16(destination.port);
  const Result<std::string> digest = digest_bytes(Digest::kSha1, flow);
  if (!digest) return digest;
  return "1:" + base64_of(*digest);
}

Result<std::int64_t> read_16_bits(const GetterPtr& getter, Evaluation& at, std::string_view what) {
  const Result<Value> value = value_or(getter, at, Value::integer(0));
  if (!value) return std::unexpected(value.error());
  if (value->as_int() < 0 || value->as_int() > 0xFFFF) {
    return permanent(fmt::format("{} must be between 0 and 65535, got {}", what, value->as_int()));
  }
  return value->as_int();
}

Result<Endpoint> read_endpoint(const GetterPtr& address_getter, const GetterPtr& port_getter,
                               Evaluation& at, std::string_view what) {
  const Result<Value> address = address_getter->get(at);
  if (!address) return std::unexpected(address.error());
  std::optional<std::string> bytes = address_bytes(address->as_string());
  if (!bytes) return permanent(fmt::format("invalid {} IP", what));
  const Result<std::int64_t> port = read_16_bits(port_getter, at, fmt::format("{} port", what));
  if (!port) return std::unexpected(port.error());
  return Endpoint{*std::move(bytes), *port};
}

Result<Callable> build_community_id(Arguments& arguments) {
  return [source_address = arguments.getter(0), source_port = arguments.getter(1),
          destination_address = arguments.getter(2), destination_port = arguments.getter(3),
          protocol_getter = arguments.has(4) ? arguments.getter(4) : nullptr,
          seed_getter =
              arguments.has(5) ? arguments.getter(5) : nullptr](Evaluation& at) -> Result<Value> {
    Result<Endpoint> source = read_endpoint(source_address, source_port, at, "source");
    if (!source) return std::unexpected(source.error());
    Result<Endpoint> destination =
        read_endpoint(destination_address, destination_port, at, "destination");
    if (!destination) return std::unexpected(destination.error());
    const Result<Value> name = value_or(protocol_getter, at, Value::borrowed("TCP"));
    if (!name) return name;
    const std::optional<char> protocol = protocol_number(name->as_string());
    if (!protocol) return permanent("unsupported protocol");
    const Result<std::int64_t> seed = read_16_bits(seed_getter, at, "seed");
    if (!seed) return std::unexpected(seed.error());
    Result<std::string> id =
        community_id(*std::move(source), *std::move(destination), *protocol, *seed);
    if (!id) return std::unexpected(id.error());
    return Value::string(*std::move(id));
  };
}

}  // namespace

void add_network_converters(FunctionTable& table) {
  using enum ParameterType;
  table.add({"IsInCIDR", {{"target", kString}, {"networks", kStringList}}, build_is_in_cidr});
  table.add({"CommunityID",
             {{"source_ip", kString},
              {"source_port", kInt},
              {"destination_ip", kString},
              {"destination_port", kInt},
              {"protocol", kString, true},
              {"seed", kInt, true}},
             build_community_id});
}

}  // namespace kernspan::ottl
