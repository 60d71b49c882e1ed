#include "tools/kernspan/send_test_trace/test_trace.h"

#include <fmt/format.h>

#include <cstring>
#include <utility>

#include "pipeline/base/percent_encoding.h"

namespace kernspan::tools {
namespace {

constexpr std::string_view kPeerAddress = "192.0.2.1";  // TEST-NET-1: nobody's

std::string resource_of(const TraceShape& shape) {
  std::vector<otlp::Attribute> attributes;
  attributes.push_back({"service.name", std::string_view(shape.service)});
  for (const auto& [key, value] : shape.resource_attributes) {
    if (key != "service.name") attributes.push_back({key, std::string_view(value)});
  }
  return otlp::encode_resource(attributes);
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

TestTraceMaker::TestTraceMaker(TraceShape shape, std::uint64_t seed)
    : shape_(std::move(shape)), resource_(resource_of(shape_)), random_(seed) {
  attributes_.push_back({"network.peer.address", kPeerAddress});
  for (const auto& [key, value] : shape_.span_attributes) {
    attributes_.push_back({key, std::string_view(value)});
  }
  attributes_.push_back({"peer.service", ""});
}

SpanId TestTraceMaker::next_span_id() {
  SpanId id;
  while (!id.is_valid()) {
    const std::uint64_t bits = random_();
    std::memcpy(id.bytes.data(), &bits, sizeof(bits));
  }
  return id;
}

TraceId TestTraceMaker::add_trace(std::uint64_t end_unix_ns, otlp::RequestEncoder& encoder) {
  TraceId trace;
  std::memcpy(trace.bytes.data(), next_span_id().bytes.data(), 8);
  std::memcpy(trace.bytes.data() + 8, next_span_id().bytes.data(), 8);
  const auto duration = static_cast<std::uint64_t>(shape_.span_duration.count());
  const std::uint64_t children = shape_.child_spans;
  const std::uint64_t begin = end_unix_ns - duration * std::max<std::uint64_t>(children, 1);

  encoder.begin_resource(resource_);
  otlp::SpanData root;
  root.trace_id = trace;
  root.span_id = next_span_id();
  root.kind = otlp::SpanKind::kClient;
  root.name = "lets-go";
  root.start_time_unix_ns = begin;
  root.end_time_unix_ns = end_unix_ns;
  root.status_code = shape_.status;
  attributes_.back().value = "kernspan-test-server";
  root.attributes = attributes_;
  encoder.add_span(root);
  attributes_.back().value = "kernspan-test-client";
  for (std::uint64_t i = 0; i < children; ++i) {
    const std::string name = fmt::format("okey-dokey-{}", i);
    otlp::SpanData child = root;
    child.span_id = next_span_id();
    child.parent_span_id = root.span_id;
    child.kind = otlp::SpanKind::kServer;
    child.name = name;
    child.start_time_unix_ns = begin + i * duration;
    child.end_time_unix_ns = child.start_time_unix_ns + duration;
    encoder.add_span(child);
  }
  return trace;
}

std::map<std::string, std::string> parse_resource_attributes(std::string_view text) {
  std::map<std::string, std::string> attributes;
  while (!text.empty()) {
    const std::size_t comma = std::min(text.find(','), text.size());
    const std::string_view pair = text.substr(0, comma);
    text.remove_prefix(std::min(comma + 1, text.size()));
    const std::size_t equals = pair.find('=');
    if (equals == std::string_view::npos) continue;
    const auto key = percent_decoded(trimmed(pair.substr(0, equals)));
    const auto value = percent_decoded(trimmed(pair.substr(equals + 1)));
    if (key && value && !key->empty()) attributes[*key] = *value;
  }
  return attributes;
}

}  // namespace kernspan::tools
