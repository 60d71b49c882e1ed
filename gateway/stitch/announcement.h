// What a client span says of the server span that its request will cause, and what else a span's
// stitch attributes say. Between replicas an announcement travels as a span of the announced trace,
// so that it finds the same owner as that trace's spans:
//
//   trace id   the announced (derived) one        parent span id   the client span
//   times      the client span's                  attributes       kCaller* below
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/span_view.h"

namespace kernspan::stitch {

// What a node is called; shared by all that one resource says. Null: not known.
using NodeName = std::shared_ptr<const std::string>;

struct Announcement {
  TraceId peer;   // the derived id that the server's spans have
  TraceId trace;  // the client span's
  SpanId span;    // likewise
  bool trace_is_derived = false;
  std::uint64_t start_time_unix_ns = 0;
  std::uint64_t end_time_unix_ns = 0;
  NodeName node = nullptr;  // the client's
};

// How many calls deep a trace may go from node to node; deeper is a mistake, or an attack.
inline constexpr std::size_t kMaxChain = 64;

// On spans that a replica hands on to their caller's owner: the links that have led them there (int).
// Announcements that close a circle of which each owner knows a part are told by it.
inline constexpr std::string_view kStitchLinksKey = "kernspan.stitch.links";

struct SpanMarks {
  bool is_derived = false;
  bool is_handed_over = false;          // an announcement in the form of a span
  std::string_view peer_trace_id = {};  // as text; empty without one
};

// Whether a request may hold a span with a mark: one search over its bytes, which costs a fraction
// of indexing it.
bool may_have_marks(const otlp::Batch& batch);

// The marks of an encoded span.
SpanMarks read_marks(std::string_view span);

// Of an encoded span, by kStitchLinksKey: at most kMaxChain + 1, 0 without it.
std::size_t read_links(std::string_view span);

// Announcements as a batch of spans.
otlp::Batch encode_announcements(std::span<const Announcement> announcements);
// The other way round; nothing when it is none.
std::optional<Announcement> decode_announcement(const otlp::SpanView& span);

// The first of k8s.node.name, host.name and host.id; null when there is none, or a long one.
NodeName node_of(const otlp::ResourceView& resource);

}  // namespace kernspan::stitch
