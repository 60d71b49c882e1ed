#include "gateway/stitch/intake.h"

#include <optional>
#include <string>
#include <utility>

#include "gateway/stitch/stitch_writer.h"
#include "pipeline/otlp/request_builder.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan::stitch {
namespace {

class Sorter {
 public:
  Sorter(const otlp::Batch& batch, bool from_peer, bool keep_announcements)
      : from_peer_(from_peer),
        keep_announcements_(keep_announcements),
        index_(batch),
        plain_(index_.tree(), otlp::Signal::kTraces),
        derived_(index_.tree(), otlp::Signal::kTraces) {}

  Intake run(otlp::Batch batch) {
    for (std::size_t span = 0; span < index_.size(); ++span) sort(span);
    const std::size_t size = batch.item_count();
    if (derived_.item_count() == size) {
      intake_.derived = std::move(batch);
    } else if (plain_.item_count() == size && !changed_) {
      intake_.plain = std::move(batch);
    } else {
      intake_.plain = plain_.take();
      intake_.derived = derived_.take();
      const bool is_small_part = intake_.derived.byte_count() < batch.byte_count() / 2;
      if (is_small_part) intake_.derived = copy_of(intake_.derived);
    }
    return std::move(intake_);
  }

 private:
  static otlp::Batch copy_of(const otlp::Batch& batch) {
    std::string bytes;
    bytes.reserve(batch.byte_count());
    for (const otlp::Slice& slice : batch.slices()) bytes += slice.view();
    return otlp::Batch::from_encoder(std::move(bytes), batch.item_count());
  }

  void sort(std::size_t span) {
    const otlp::IndexedSpan& entry = index_.spans()[span];
    const SpanMarks marks = read_marks(index_.bytes(span));
    if (marks.is_handed_over && !marks.is_derived && from_peer_) return take_announcement(span);
    const bool is_derived = marks.is_derived && entry.trace_id.is_valid();
    // What a peer hands over was announced where it came in.
    if (!marks.peer_trace_id.empty() && !from_peer_)
      announce(span, marks.peer_trace_id, is_derived);
    if (is_derived) {
      derived_.add(entry.scope, entry.position);
    } else if (marks.peer_trace_id.empty() || keep_announcements_) {
      plain_.add(entry.scope, entry.position);
    } else {
      plain_.add_new(entry.scope, without_announcement(index_.bytes(span)));
      changed_ = true;
    }
  }

  void take_announcement(std::size_t span) {
    ++intake_.handed_over;
    if (auto announcement = decode_announcement(index_.view(span))) {
      intake_.announcements.push_back(*std::move(announcement));
    } else {
      ++intake_.malformed;
    }
  }

  void announce(std::size_t span, std::string_view peer_text, bool is_derived) {
    const otlp::IndexedSpan& entry = index_.spans()[span];
    const std::optional<TraceId> peer = TraceId::from_hex(peer_text);
    if (!peer || !peer->is_valid() || !entry.trace_id.is_valid() || !entry.span_id.is_valid()) {
      ++intake_.malformed;
      return;
    }
    intake_.announcements.push_back({.peer = *peer,
                                     .trace = entry.trace_id,
                                     .span = entry.span_id,
                                     .trace_is_derived = is_derived,
                                     .start_time_unix_ns = entry.start_time_unix_ns,
                                     .end_time_unix_ns = entry.end_time_unix_ns,
                                     .node = node_of_span(span)});
  }

  // Spans of one resource lie next to each other: its name is read once.
  const NodeName& node_of_span(std::size_t span) {
    const std::uint32_t resource = index_.resource_number(span);
    if (resource_ != resource) {
      resource_ = resource;
      node_ = node_of(index_.resource_of(span));
    }
    return node_;
  }

  const bool from_peer_;
  const bool keep_announcements_;
  const otlp::SpanIndex index_;
  otlp::RequestBuilder plain_;
  otlp::RequestBuilder derived_;
  Intake intake_;
  bool changed_ = false;
  std::optional<std::uint32_t> resource_;
  NodeName node_;
};

}  // namespace

Intake sort_out(otlp::Batch batch, bool from_peer, bool keep_announcements) {
  Sorter sorter(batch, from_peer, keep_announcements);
  return sorter.run(std::move(batch));
}

}  // namespace kernspan::stitch
