#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "pipeline/otlp/wire_fields.h"
#include "pipeline/receivers/zipkin/zipkin_json.h"
#include "pipeline/receivers/zipkin/zipkin_translator.h"

namespace kernspan {
namespace {

using Json = nlohmann::json;
using otlp::WireWriter;
namespace wire = otlp::wire;

constexpr const char* kUnknownService = "unknown-service";

// What annotations that are not events say: "cs", "cr": client send, receive; "sr", "ss": server;
// "ms", "mr": message sent, received.
int kind_of(std::string_view value) {
  constexpr std::array<std::pair<std::string_view, int>, 6> kKinds = {
      {{"cs", 3}, {"cr", 3}, {"sr", 2}, {"ss", 2}, {"ms", 4}, {"mr", 5}}};
  for (const auto& [name, kind] : kKinds) {
    if (value == name) return kind;
  }
  return 0;
}

// What the annotations of a span say of it as a whole.
struct Summary {
  int kind = 0;
  std::int64_t first_us = 0;
  std::int64_t last_us = 0;
  bool has_times = false;
  TagMap resource;  // empty: no annotation named a service
};

Status read_resource(const Json& endpoint, TagMap& resource) {
  const auto name = zipkin_text(endpoint, "serviceName");
  if (!name) return std::unexpected(name.error());
  if (name->empty()) return {};
  resource["service.name"] = std::string(*name);
  for (const char* key : {"ipv4", "ipv6"}) {
    const auto address = zipkin_text(endpoint, key);
    if (!address) return std::unexpected(address.error());
    if (!address->empty()) resource[key] = std::string(*address);
  }
  const auto port = zipkin_number(endpoint, "port");
  if (!port) return std::unexpected(port.error());
  if (*port > 0) resource["port"] = std::to_string(*port);
  return {};
}

Status read_annotation(const Json& annotation, WireWriter& events, Summary& summary) {
  if (!annotation.is_object()) return permanent("an annotation is not an object");
  const auto value = zipkin_text(annotation, "value");
  if (!value) return std::unexpected(value.error());
  if (value->empty()) return {};
  const auto timestamp_us = zipkin_number(annotation, "timestamp");
  if (!timestamp_us) return std::unexpected(timestamp_us.error());
  const auto endpoint = zipkin_part(annotation, "endpoint", false);
  if (!endpoint) return std::unexpected(endpoint.error());
  const int kind = kind_of(*value);
  if (summary.kind == 0) summary.kind = kind;
  if (kind != 0 && *endpoint != nullptr && summary.resource.empty()) {
    if (Status read = read_resource(**endpoint, summary.resource); !read) return read;
  }
  summary.first_us = summary.has_times ? std::min(summary.first_us, *timestamp_us) : *timestamp_us;
  summary.last_us = summary.has_times ? std::max(summary.last_us, *timestamp_us) : *timestamp_us;
  summary.has_times = true;
  if (kind != 0) return {};
  events.begin(wire::span::kEvents);
  events.fixed64(wire::event::kTimeUnixNano, static_cast<std::uint64_t>(*timestamp_us) * 1000);
  events.bytes(wire::event::kName, *value);
  events.end();
  return {};
}

// A status has several sources; the best one that is there wins.
struct StatusSources {
  struct Source {
    std::optional<int> code;
    std::string message;
  };

  Source census;
  Source otel;
  Source http;
  bool error_tag = false;

  // Whether the tag is the status's and no attribute.
  bool take(const std::string& key, const std::string& value);
  void write(WireWriter& out) const;
};

std::optional<int> number_of(const std::string& text) {
  int number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  return error == std::errc() && stopped == end ? std::optional(number) : std::nullopt;
}

bool StatusSources::take(const std::string& key, const std::string& value) {
  if (key == "census.status_code") {
    if (const auto code = number_of(value)) census.code = *code == 0 ? 1 : 2;  // OK is 0 there
    return true;
  }
  if (key == "census.status_description" || key == "opencensus.status_description") {
    census.message = value;
    return true;
  }
  if (key == "otel.status_code") {
    const int named = zipkin_status_code(value);
    otel.code = named >= 0 ? std::optional(named) : number_of(value);
    return true;
  }
  if (key == "otel.status_description") {
    otel.message = value;
    return true;
  }
  if (key == "error") {
    error_tag = true;
    return true;
  }
  if (key == "http.status_code") {
    if (const auto code = number_of(value)) http.code = *code >= 100 && *code < 400 ? 0 : 2;
  } else if (key == "http.status_message") {
    http.message = value;
  }
  return false;
}

void StatusSources::write(WireWriter& out) const {
  Source best;
  if (census.code) {
    best = census;
  } else if (otel.code) {
    best = otel;
  } else if (error_tag) {
    best = {.code = 2, .message = census.message.empty() ? otel.message : census.message};
  } else if (http.code) {
    best = http;
  }
  if (!best.code) return;
  out.begin(wire::span::kStatus);
  if (!best.message.empty()) out.bytes(wire::status::kMessage, best.message);
  if (*best.code != 0)
    out.varint(wire::status::kCode, static_cast<std::uint64_t>(std::int64_t{*best.code}));
  out.end();
}

struct BinaryAnnotations {
  TagMap attributes;
  StatusSources status;
  std::string service_name;  // of an endpoint; else the local component
};

Status read_binary_annotations(const Json& span, const ZipkinOptions& options,
                               BinaryAnnotations& read) {
  const auto annotations = zipkin_part(span, "binaryAnnotations", true);
  if (!annotations) return std::unexpected(annotations.error());
  if (*annotations == nullptr) return {};
  std::string local_component;
  for (const Json& annotation : **annotations) {
    if (!annotation.is_object()) return permanent("a binary annotation is not an object");
    const auto key = zipkin_text(annotation, "key");
    if (!key) return std::unexpected(key.error());
    const auto endpoint = zipkin_part(annotation, "endpoint", false);
    if (!endpoint) return std::unexpected(endpoint.error());
    if (*endpoint != nullptr) {
      const auto name = zipkin_text(**endpoint, "serviceName");
      if (!name) return std::unexpected(name.error());
      if (!name->empty()) read.service_name = *name;
    }
    // "sa" and "ca", which carry an address, have the value true.
    const Json value = annotation.value("value", Json());
    if (value.is_structured()) return permanent("a binary annotation's value is not a scalar");
    const std::string text = value.is_string() ? value.get<std::string>()
                             : value.is_null() ? std::string()
                                               : value.dump();
    const bool is_component = *key == "lc";
    if (is_component) local_component = text;
    const std::string name = is_component ? "component" : std::string(*key);
    if (!read.status.take(name, text)) read.attributes[name] = zipkin_tag_value(text, options);
  }
  if (read.service_name.empty()) read.service_name = local_component;
  return {};
}

Status write_times(WireWriter& out, const Json& span, const Summary& summary,
                   const ZipkinOptions& options, TagMap& attributes) {
  const auto timestamp_us = zipkin_number(span, "timestamp");
  if (!timestamp_us) return std::unexpected(timestamp_us.error());
  const auto duration_us = zipkin_number(span, "duration");
  if (!duration_us) return std::unexpected(duration_us.error());
  std::uint64_t start_ns = static_cast<std::uint64_t>(summary.first_us) * 1000;
  std::uint64_t end_ns = static_cast<std::uint64_t>(summary.last_us) * 1000;
  if (*timestamp_us > 0) {
    start_ns = static_cast<std::uint64_t>(*timestamp_us) * 1000;
    end_ns = start_ns + static_cast<std::uint64_t>(*duration_us) * 1000;
  } else if (start_ns == 0) {
    start_ns = options.now_unix_ns;
    end_ns = options.now_unix_ns;
    attributes[kZipkinStartAbsent] = true;
  }
  out.fixed64(wire::span::kStartTimeUnixNano, start_ns);
  out.fixed64(wire::span::kEndTimeUnixNano, end_ns);
  return {};
}

Status write_identity(WireWriter& out, const Json& span) {
  const auto trace_id = zipkin_trace_id(span);
  if (!trace_id) return std::unexpected(trace_id.error());
  const auto span_id = zipkin_span_id(span);
  if (!span_id) return std::unexpected(span_id.error());
  const auto parent_id = zipkin_parent_id(span);
  if (!parent_id) return std::unexpected(parent_id.error());
  const auto name = zipkin_text(span, "name");
  if (!name) return std::unexpected(name.error());
  out.bytes(wire::span::kTraceId, trace_id->view());
  out.bytes(wire::span::kSpanId, span_id->view());
  if (parent_id->is_valid()) out.bytes(wire::span::kParentSpanId, parent_id->view());
  if (!name->empty()) out.bytes(wire::span::kName, *name);
  return {};
}

Status translate(const Json& span, const ZipkinOptions& options, TraceRequest& request) {
  WireWriter out;
  if (Status written = write_identity(out, span); !written) return written;
  const auto annotations = zipkin_part(span, "annotations", true);
  if (!annotations) return std::unexpected(annotations.error());
  Summary summary;
  if (*annotations != nullptr) {
    for (const Json& annotation : **annotations) {
      if (Status read = read_annotation(annotation, out, summary); !read) return read;
    }
  }
  BinaryAnnotations binary;
  if (Status read = read_binary_annotations(span, options, binary); !read) return read;
  if (summary.resource.empty()) {
    summary.resource["service.name"] =
        binary.service_name.empty() ? std::string(kUnknownService) : binary.service_name;
  }
  if (summary.kind > 0) out.varint(wire::span::kKind, static_cast<std::uint64_t>(summary.kind));
  binary.status.write(out);
  if (Status written = write_times(out, span, summary, options, binary.attributes); !written) {
    return written;
  }
  write_attributes(out, wire::span::kAttributes, binary.attributes);
  request.add(summary.resource, "", out.finish());
  return {};
}

}  // namespace

Result<std::string> translate_zipkin_v1(std::string_view json, const ZipkinOptions& options) {
  TraceRequest request;
  const auto take_span = [&](const Json& span) { return translate(span, options, request); };
  if (Status read = for_each_zipkin_span(json, take_span); !read) {
    return permanent("malformed Zipkin v1 JSON: " + read.error().message);
  }
  return request.finish();
}

}  // namespace kernspan
