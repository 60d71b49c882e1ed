#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "pipeline/otlp/wire_fields.h"
#include "pipeline/receivers/zipkin/resource_tags.h"
#include "pipeline/receivers/zipkin/zipkin_json.h"
#include "pipeline/receivers/zipkin/zipkin_translator.h"

namespace kernspan {
namespace {

using Json = nlohmann::json;
using otlp::WireWriter;
namespace wire = otlp::wire;

constexpr int kMaxLinks = 128;
constexpr std::string_view kNoServiceName = "OTLPResourceNoServiceName";

using Tags = std::map<std::string, std::string, std::less<>>;

// The tag's value, which is then no longer among the tags.
std::optional<std::string> take(Tags& tags, std::string_view key) {
  const auto found = tags.find(key);
  if (found == tags.end()) return std::nullopt;
  std::string value = std::move(found->second);
  tags.erase(found);
  return value;
}

Result<Tags> read_tags(const Json& span) {
  const auto part = zipkin_part(span, "tags", false);
  if (!part) return std::unexpected(part.error());
  Tags tags;
  if (*part == nullptr) return tags;
  for (const auto& [key, value] : (*part)->items()) {
    if (!value.is_string()) return permanent("a tag's value is not a string");
    tags.emplace(key, value.get<std::string>());
  }
  return tags;
}

int span_kind(std::string_view kind, Tags& tags) {
  constexpr std::array<std::pair<std::string_view, int>, 4> kKinds = {
      {{"SERVER", 2}, {"CLIENT", 3}, {"PRODUCER", 4}, {"CONSUMER", 5}}};
  for (const auto& [name, number] : kKinds) {
    if (kind == name) return number;
  }
  return take(tags, "span.kind") == "internal" ? 1 : 0;
}

void write_status(WireWriter& out, Tags& tags) {
  int code = -1;
  std::string message;
  if (const auto name = take(tags, "otel.status_code")) {
    code = zipkin_status_code(*name);
    message = take(tags, "otel.status_description").value_or("");
  }
  if (const auto error = tags.find("error"); error != tags.end() && error->second == "true") {
    code = 2;
    tags.erase(error);
  }
  if (code <= 0 && message.empty()) return;
  out.begin(wire::span::kStatus);
  if (!message.empty()) out.bytes(wire::status::kMessage, message);
  if (code > 0) out.varint(wire::status::kCode, static_cast<std::uint64_t>(code));
  out.end();
}

// "{...}|3": the attributes, and how many were dropped, as an OTLP exporter to Zipkin writes them.
struct Details {
  TagMap attributes;
  std::uint32_t dropped = 0;
};

std::optional<Details> read_details(std::string_view text) {
  const std::size_t bar = text.rfind('|');
  if (bar == text.npos) return std::nullopt;
  Details details;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data() + bar + 1, end, details.dropped);
  if (error != std::errc() || stopped != end) return std::nullopt;
  const std::string_view json = text.substr(0, bar);
  // Flat: an exporter writes nothing else.
  if (std::ranges::count(json, '{') > 64 || std::ranges::count(json, '[') > 64) return std::nullopt;
  const Json attributes = Json::parse(json, nullptr, false);
  if (!attributes.is_object()) return std::nullopt;
  for (const auto& [key, value] : attributes.items()) {
    if (value.is_string()) {
      details.attributes[key] = value.get<std::string>();
    } else if (value.is_boolean()) {
      details.attributes[key] = value.get<bool>();
    } else if (value.is_number_integer()) {
      details.attributes[key] = value.get<std::int64_t>();
    } else if (value.is_number_float()) {
      details.attributes[key] = value.get<double>();
    }
  }
  return details;
}

std::optional<std::string> encode_link(std::string_view text) {
  std::array<std::string_view, 3> parts;  // trace id, span id, trace state
  for (std::string_view& part : parts) {
    const std::size_t bar = text.find('|');
    if (bar == text.npos) return std::nullopt;
    part = text.substr(0, bar);
    text.remove_prefix(bar + 1);
  }
  const auto trace_id = TraceId::from_hex(parts[0]);
  const auto span_id = SpanId::from_hex(parts[1]);
  const auto details = read_details(text);
  if (!trace_id || !span_id || !details) return std::nullopt;
  WireWriter link;
  link.bytes(wire::link::kTraceId, trace_id->view());
  link.bytes(wire::link::kSpanId, span_id->view());
  if (!parts[2].empty()) link.bytes(wire::link::kTraceState, parts[2]);
  write_attributes(link, wire::link::kAttributes, details->attributes);
  if (details->dropped > 0) link.varint(wire::link::kDroppedAttributesCount, details->dropped);
  return link.finish();
}

void write_links(WireWriter& out, Tags& tags) {
  for (int i = 0; i < kMaxLinks; ++i) {
    const auto found = tags.find(fmt::format("otlp.link.{}", i));
    if (found == tags.end()) return;
    const auto link = encode_link(found->second);
    if (!link) continue;
    out.bytes(wire::span::kLinks, *link);
    tags.erase(found);
  }
}

Status write_events(WireWriter& out, const Json& span) {
  const auto annotations = zipkin_part(span, "annotations", true);
  if (!annotations) return std::unexpected(annotations.error());
  if (*annotations == nullptr) return {};
  for (const Json& annotation : **annotations) {
    if (!annotation.is_object()) return permanent("an annotation is not an object");
    const auto timestamp_us = zipkin_number(annotation, "timestamp");
    if (!timestamp_us) return std::unexpected(timestamp_us.error());
    const auto value = zipkin_text(annotation, "value");
    if (!value) return std::unexpected(value.error());
    const std::size_t bar = value->find('|');
    const auto details = bar == value->npos ? std::nullopt : read_details(value->substr(bar + 1));
    out.begin(wire::span::kEvents);
    out.fixed64(wire::event::kTimeUnixNano, static_cast<std::uint64_t>(*timestamp_us) * 1000);
    out.bytes(wire::event::kName, details ? value->substr(0, bar) : *value);
    if (details) {
      write_attributes(out, wire::event::kAttributes, details->attributes);
      if (details->dropped > 0) {
        out.varint(wire::event::kDroppedAttributesCount, details->dropped);
      }
    }
    out.end();
  }
  return {};
}

struct EndpointKeys {
  const char* service;  // null: the resource has it
  const char* ip;
  const char* port;
};

Status read_endpoint(const Json& span, const char* key, const EndpointKeys& keys,
                     TagMap& attributes, std::string* service_name) {
  const auto endpoint = zipkin_part(span, key, false);
  if (!endpoint) return std::unexpected(endpoint.error());
  if (*endpoint == nullptr) return {};
  const auto name = zipkin_text(**endpoint, "serviceName");
  if (!name) return std::unexpected(name.error());
  if (service_name != nullptr) *service_name = *name;
  if (keys.service != nullptr && !name->empty()) attributes[keys.service] = std::string(*name);
  for (const auto& [family_key, family] : {std::pair{"ipv4", AF_INET}, {"ipv6", AF_INET6}}) {
    const auto address = zipkin_text(**endpoint, family_key);
    if (!address) return std::unexpected(address.error());
    if (address->empty()) continue;
    std::array<unsigned char, 16> bytes{};
    if (inet_pton(family, std::string(*address).c_str(), bytes.data()) != 1) {
      return permanent(fmt::format("{}::{} is no address", key, family_key));
    }
    attributes[keys.ip] = std::string(*address);
  }
  const auto port = zipkin_number(**endpoint, "port");
  if (!port) return std::unexpected(port.error());
  if (*port > 65535) return permanent(fmt::format("{}::port is no port", key));
  if (*port > 0) attributes[keys.port] = *port;
  return {};
}

TagMap take_resource(Tags& tags, const std::string& service_name) {
  TagMap resource;
  const std::string key = take(tags, "otlp.service.name.source").value_or("service.name");
  if (!service_name.empty() && service_name != kNoServiceName) resource[key] = service_name;
  for (auto tag = tags.begin(); tag != tags.end();) {
    if (!is_resource_tag(tag->first)) {
      ++tag;
      continue;
    }
    resource[tag->first] = std::move(tag->second);
    tag = tags.erase(tag);
  }
  return resource;
}

std::string take_scope(Tags& tags) {
  WireWriter scope;
  for (const auto& [key, field] : {std::pair{"otel.library.name", wire::scope::kName},
                                   {"otel.library.version", wire::scope::kVersion}}) {
    if (const auto value = take(tags, key)) scope.bytes(field, *value);
  }
  return scope.finish();
}

Status write_identity(WireWriter& out, const Json& span, Tags& tags) {
  const auto trace_id = zipkin_trace_id(span);
  if (!trace_id) return std::unexpected(trace_id.error());
  const auto span_id = zipkin_span_id(span);
  if (!span_id) return std::unexpected(span_id.error());
  const auto parent_id = zipkin_parent_id(span);
  if (!parent_id) return std::unexpected(parent_id.error());
  const auto name = zipkin_text(span, "name");
  if (!name) return std::unexpected(name.error());
  const auto kind = zipkin_text(span, "kind");
  if (!kind) return std::unexpected(kind.error());
  out.bytes(wire::span::kTraceId, trace_id->view());
  out.bytes(wire::span::kSpanId, span_id->view());
  if (const auto state = take(tags, "w3c.tracestate")) out.bytes(wire::span::kTraceState, *state);
  if (parent_id->is_valid() && *parent_id != *span_id) {
    out.bytes(wire::span::kParentSpanId, parent_id->view());
  }
  if (!name->empty()) out.bytes(wire::span::kName, *name);
  if (const int number = span_kind(*kind, tags); number > 0) {
    out.varint(wire::span::kKind, static_cast<std::uint64_t>(number));
  }
  return {};
}

Status write_times(WireWriter& out, const Json& span, TagMap& attributes) {
  const auto timestamp_us = zipkin_number(span, "timestamp");
  if (!timestamp_us) return std::unexpected(timestamp_us.error());
  const auto duration_us = zipkin_number(span, "duration");
  if (!duration_us) return std::unexpected(duration_us.error());
  // OTLP has no span without a start: it is the epoch then, and said to be missing.
  if (*timestamp_us == 0) attributes[kZipkinStartAbsent] = true;
  const auto start_us = static_cast<std::uint64_t>(*timestamp_us);
  out.fixed64(wire::span::kStartTimeUnixNano, start_us * 1000);
  out.fixed64(wire::span::kEndTimeUnixNano,
              (start_us + static_cast<std::uint64_t>(*duration_us)) * 1000);
  return {};
}

Status translate(const Json& span, const ZipkinOptions& options, TraceRequest& request) {
  auto tags = read_tags(span);
  if (!tags) return std::unexpected(tags.error());
  TagMap endpoints;
  std::string service_name;
  if (Status read = read_endpoint(span, "localEndpoint", {nullptr, "net.host.ip", "net.host.port"},
                                  endpoints, &service_name);
      !read) {
    return read;
  }
  if (Status read =
          read_endpoint(span, "remoteEndpoint", {"peer.service", "net.peer.ip", "net.peer.port"},
                        endpoints, nullptr);
      !read) {
    return read;
  }
  const TagMap resource = take_resource(*tags, service_name);
  const std::string scope = take_scope(*tags);
  WireWriter out;
  if (Status written = write_identity(out, span, *tags); !written) return written;
  write_status(out, *tags);
  write_links(out, *tags);
  if (Status written = write_times(out, span, endpoints); !written) return written;
  if (Status written = write_events(out, span); !written) return written;
  TagMap attributes;
  for (const auto& [key, value] : *tags) attributes[key] = zipkin_tag_value(value, options);
  for (auto& [key, value] : endpoints) attributes[key] = std::move(value);
  write_attributes(out, wire::span::kAttributes, attributes);
  request.add(resource, scope, out.finish());
  return {};
}

}  // namespace

Result<std::string> translate_zipkin_v2(std::string_view json, const ZipkinOptions& options) {
  TraceRequest request;
  const auto take_span = [&](const Json& span) { return translate(span, options, request); };
  if (Status read = for_each_zipkin_span(json, take_span); !read) {
    return permanent("malformed Zipkin v2 JSON: " + read.error().message);
  }
  return request.finish();
}

int zipkin_status_code(std::string_view name) {
  if (name.starts_with("STATUS_CODE_")) name.remove_prefix(12);
  if (name == "UNSET") return 0;
  if (name == "OK") return 1;
  if (name == "ERROR") return 2;
  return -1;
}

TagValue zipkin_tag_value(std::string_view text, const ZipkinOptions& options) {
  if (!options.parse_string_tags || text.empty()) return std::string(text);
  if (text == "true" || text == "false") return text == "true";
  const std::string_view digits = text.substr(text.front() == '-' ? 1 : 0);
  constexpr std::string_view kDigits = "0123456789";
  const std::size_t dot = digits.find('.');
  const std::string_view whole = digits.substr(0, dot);
  const auto only_digits = [&](std::string_view part) {
    return !part.empty() && part.find_first_not_of(kDigits) == part.npos;
  };
  const char* const end = text.data() + text.size();
  if (only_digits(whole) && dot == digits.npos) {
    std::int64_t number = 0;
    if (std::from_chars(text.data(), end, number).ec == std::errc()) return number;
  } else if (only_digits(whole) && only_digits(digits.substr(dot + 1))) {
    double number = 0;
    if (std::from_chars(text.data(), end, number).ec == std::errc()) return number;
  }
  return std::string(text);
}

}  // namespace kernspan
