#include "gateway/stitch/announcement.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "pipeline/base/wire_identity.h"
#include "pipeline/otlp/span_encoder.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::stitch {
namespace {

constexpr std::string_view kPrefix = "kernspan.stitch.";
constexpr std::string_view kCallerTraceId = "kernspan.stitch.caller_trace_id";
constexpr std::string_view kCallerDerived = "kernspan.stitch.caller_derived";
constexpr std::string_view kCallerNode = "kernspan.stitch.caller_node";
// As long as a name in the DNS can be.
constexpr std::size_t kMaxNodeName = 253;

bool has_prefix(std::string_view bytes) {
  return memmem(bytes.data(), bytes.size(), kPrefix.data(), kPrefix.size()) != nullptr;
}

NodeName name_from(std::string_view text) {
  if (text.empty() || text.size() > kMaxNodeName) return nullptr;
  return std::make_shared<const std::string>(text);
}

}  // namespace

// A key is whole in one slice: no field of a span is in two.
bool may_have_marks(const otlp::Batch& batch) {
  for (const otlp::Slice& slice : batch.slices()) {
    if (has_prefix(slice.view())) return true;
  }
  return false;
}

SpanMarks read_marks(std::string_view span) {
  SpanMarks marks;
  if (!has_prefix(span)) return marks;
  for (const otlp::AttributeView attribute :
       otlp::AttributeRange(span, otlp::wire::span::kAttributes)) {
    if (!attribute.key.starts_with(kPrefix)) continue;
    if (attribute.key == kStitchDerivedKey) {
      marks.is_derived = attribute.value().as_bool();
    } else if (attribute.key == kStitchPeerTraceIdKey) {
      marks.peer_trace_id = attribute.value().as_string();
    } else if (attribute.key == kCallerTraceId) {
      marks.is_handed_over = true;
    }
  }
  return marks;
}

std::size_t read_links(std::string_view span) {
  if (memmem(span.data(), span.size(), kStitchLinksKey.data(), kStitchLinksKey.size()) == nullptr) {
    return 0;
  }
  for (const otlp::AttributeView attribute :
       otlp::AttributeRange(span, otlp::wire::span::kAttributes)) {
    if (attribute.key != kStitchLinksKey) continue;
    constexpr auto kMost = static_cast<std::int64_t>(kMaxChain + 1);
    return static_cast<std::size_t>(std::clamp<std::int64_t>(attribute.value().as_int(), 0, kMost));
  }
  return 0;
}

otlp::Batch encode_announcements(std::span<const Announcement> announcements) {
  otlp::RequestEncoder encoder;
  for (const Announcement& announcement : announcements) {
    const std::string trace = announcement.trace.hex();
    std::vector<otlp::Attribute> attributes = {
        {kCallerTraceId, std::string_view(trace)},
        {kCallerDerived, announcement.trace_is_derived},
    };
    if (announcement.node) {
      attributes.push_back({kCallerNode, std::string_view(*announcement.node)});
    }
    encoder.add_span({.trace_id = announcement.peer,
                      .span_id = announcement.span,
                      .parent_span_id = announcement.span,
                      .trace_state = {},
                      .kind = otlp::SpanKind::kInternal,
                      .name = "announcement",
                      .start_time_unix_ns = announcement.start_time_unix_ns,
                      .end_time_unix_ns = announcement.end_time_unix_ns,
                      .status_message = {},
                      .attributes = attributes});
  }
  return encoder.take();
}

std::optional<Announcement> decode_announcement(const otlp::SpanView& span) {
  const auto trace = TraceId::from_hex(span.find(kCallerTraceId).as_string());
  if (!trace || !trace->is_valid() || !span.trace_id.is_valid() ||
      !span.parent_span_id.is_valid()) {
    return std::nullopt;
  }
  return Announcement{.peer = span.trace_id,
                      .trace = *trace,
                      .span = span.parent_span_id,
                      .trace_is_derived = span.find(kCallerDerived).as_bool(),
                      .start_time_unix_ns = span.start_time_unix_ns,
                      .end_time_unix_ns = span.end_time_unix_ns,
                      .node = name_from(span.find(kCallerNode).as_string())};
}

NodeName node_of(const otlp::ResourceView& resource) {
  for (const std::string_view key : {"k8s.node.name", "host.name", "host.id"}) {
    if (NodeName name = name_from(resource.find(key).as_string())) return name;
  }
  return nullptr;
}

}  // namespace kernspan::stitch
