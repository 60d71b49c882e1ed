#include "pipeline/receivers/zipkin/trace_request.h"

#include <bit>
#include <utility>

#include "pipeline/otlp/wire_fields.h"

namespace kernspan {

namespace wire = otlp::wire;

void write_attributes(otlp::WireWriter& out, std::uint32_t field, const TagMap& attributes) {
  for (const auto& [key, value] : attributes) {
    out.begin(field);
    out.bytes(wire::key_value::kKey, key);
    out.begin(wire::key_value::kValue);
    if (const auto* text = std::get_if<std::string>(&value)) {
      out.bytes(wire::any_value::kString, *text);
    } else if (const auto* number = std::get_if<std::int64_t>(&value)) {
      out.varint(wire::any_value::kInt, static_cast<std::uint64_t>(*number));
    } else if (const auto* real = std::get_if<double>(&value)) {
      out.fixed64(wire::any_value::kDouble, std::bit_cast<std::uint64_t>(*real));
    } else {
      out.varint(wire::any_value::kBool, std::get<bool>(value) ? 1 : 0);
    }
    out.end();
    out.end();
  }
}

void TraceRequest::add(const TagMap& resource, const std::string& scope, std::string_view span) {
  otlp::WireWriter encoded;
  write_attributes(encoded, wire::resource::kAttributes, resource);
  std::string bytes = encoded.finish();
  std::string key = std::to_string(bytes.size()) + ':' + bytes + scope;
  const auto [found, is_new] = by_key_.emplace(std::move(key), groups_.size());
  if (is_new) groups_.push_back({.resource = std::move(bytes), .scope = scope, .spans = {}});
  groups_[found->second].spans.bytes(wire::scope_spans::kSpans, span);
  ++span_count_;
}

std::string TraceRequest::finish() {
  otlp::WireWriter request;
  for (Group& group : groups_) {
    request.begin(wire::request::kResourceSpans);
    request.bytes(wire::resource_spans::kResource, group.resource);
    request.begin(wire::resource_spans::kScopeSpans);
    if (!group.scope.empty()) request.bytes(wire::scope_spans::kScope, group.scope);
    request.raw(group.spans.finish());
    request.end();
    request.end();
  }
  groups_.clear();
  by_key_.clear();
  span_count_ = 0;
  return request.finish();
}

}  // namespace kernspan
