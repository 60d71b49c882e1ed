#include "gateway/stitch/stitch_writer.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "gateway/stitch/announcement.h"
#include "gateway/stitch/clock_skew.h"
#include "pipeline/base/wire_identity.h"
#include "pipeline/otlp/attribute_editor.h"
#include "pipeline/otlp/request_builder.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::stitch {
namespace {

namespace wire = otlp::wire;

constexpr std::string_view kClockSkewKey = "kernspan.stitch.clock_skew_ns";
constexpr std::string_view kOutsideParentKey = "kernspan.stitch.outside_parent";

void append_fixed64_field(std::string& out, std::uint32_t field, std::uint64_t value) {
  otlp::append_varint(out, otlp::wire_tag(field, otlp::WireType::kFixed64));
  for (unsigned shift = 0; shift < 64; shift += 8) out += static_cast<char>(value >> shift & 0xFF);
}

void append_attribute(std::string& out, std::string_view key, const otlp::AttributeValue& value) {
  const std::string encoded = otlp::encode_value(value);
  otlp::append_bytes_header(out, wire::span::kAttributes,
                            otlp::bytes_field_size(wire::key_value::kKey, key.size()) +
                                otlp::bytes_field_size(wire::key_value::kValue, encoded.size()));
  otlp::append_bytes_field(out, wire::key_value::kKey, key);
  otlp::append_bytes_field(out, wire::key_value::kValue, encoded);
}

// A time that is not known (0) stays so.
std::uint64_t shifted(std::uint64_t time, std::int64_t shift_ns) {
  return time == 0 ? 0 : time + static_cast<std::uint64_t>(shift_ns);
}

// Writes one part's spans anew.
class PartWriter {
 public:
  PartWriter(const Ready& ready, const StitchSettings& settings, StitchCounters& counters)
      : ready_(ready), part_(ready.part), settings_(settings), counters_(counters) {}

  bool changes() const {
    return ready_.fate == Fate::kJoined || ready_.trace_id != part_.origin ||
           part_.caller.span.is_valid() || part_.shift_ns != 0;
  }
  // Nothing else changes, but the links do not leave the tier.
  bool only_forgets_links(std::string_view content) const {
    return ready_.fate != Fate::kElsewhere && part_.links != 0 && read_links(content) != 0;
  }

  void write(const otlp::IndexedSpan& span, std::string_view content, std::string& out) {
    const bool is_server_span = !span.parent_span_id.is_valid() && part_.caller.span.is_valid();
    otlp::append_bytes_field(out, wire::span::kTraceId, ready_.trace_id.view());
    if (is_server_span) {
      otlp::append_bytes_field(out, wire::span::kParentSpanId, part_.caller.span.view());
    }
    otlp::WireReader reader(content);
    for (otlp::WireField field; reader.next(field);) copy_field(field, is_server_span, out);
    if (is_server_span) append_evidence(span, out);
    if (ready_.fate == Fate::kElsewhere && part_.links != 0) {
      append_attribute(out, kStitchLinksKey, static_cast<std::int64_t>(part_.links));
    }
    if (part_.shift_ns != 0) counters_.corrected_spans.add();
  }

 private:
  void copy_field(const otlp::WireField& field, bool is_server_span, std::string& out) {
    if (field.type == otlp::WireType::kFixed64) return copy_number(field, out);
    if (field.type != otlp::WireType::kBytes) {
      out += field.whole;
      return;
    }
    switch (field.number) {
      case wire::span::kTraceId:
        return;
      case wire::span::kParentSpanId:
        if (!is_server_span) out += field.whole;
        return;
      case wire::span::kAttributes:
        if (stays(otlp::AttributeView(field.bytes).key, is_server_span)) out += field.whole;
        return;
      case wire::span::kLinks:
        return copy_link(field, out);
      case wire::span::kEvents:
        return copy_event(field, out);
      default:
        out += field.whole;
    }
  }

  void copy_number(const otlp::WireField& field, std::string& out) const {
    const bool is_time = field.number == wire::span::kStartTimeUnixNano ||
                         field.number == wire::span::kEndTimeUnixNano;
    if (!is_time || part_.shift_ns == 0) {
      out += field.whole;
      return;
    }
    append_fixed64_field(out, field.number, shifted(field.value, part_.shift_ns));
  }

  bool stays(std::string_view key, bool is_server_span) const {
    if (key == kStitchDerivedKey) return ready_.fate != Fate::kJoined;
    if (key == kStitchPeerTraceIdKey) return settings_.keep_announcements || !changes();
    if (key == kStitchLinksKey) return false;
    return !is_server_span || (key != kLinkEvidenceKey && key != kClockSkewKey);
  }

  void copy_link(const otlp::WireField& field, std::string& out) {
    if (otlp::LinkView(field.bytes).trace_id != part_.origin) {
      out += field.whole;
      return;
    }
    nested_.clear();
    otlp::append_bytes_field(nested_, wire::link::kTraceId, ready_.trace_id.view());
    otlp::WireReader reader(field.bytes);
    for (otlp::WireField inner; reader.next(inner);) {
      if (!inner.is_bytes(wire::link::kTraceId)) nested_ += inner.whole;
    }
    otlp::append_bytes_field(out, field.number, nested_);
  }

  void copy_event(const otlp::WireField& field, std::string& out) {
    if (part_.shift_ns == 0) {
      out += field.whole;
      return;
    }
    nested_.clear();
    otlp::WireReader reader(field.bytes);
    for (otlp::WireField inner; reader.next(inner);) {
      if (inner.number == wire::event::kTimeUnixNano && inner.type == otlp::WireType::kFixed64) {
        append_fixed64_field(nested_, inner.number, shifted(inner.value, part_.shift_ns));
      } else {
        nested_ += inner.whole;
      }
    }
    otlp::append_bytes_field(out, field.number, nested_);
  }

  void append_evidence(const otlp::IndexedSpan& span, std::string& out) {
    const Caller& caller = part_.caller;
    append_attribute(out, kLinkEvidenceKey, kLinkEvidenceWire);
    if (settings_.skew_action == SkewAction::kNone) return;
    if (caller.skew_is_known) append_attribute(out, kClockSkewKey, caller.skew_ns);
    const bool is_outside = Exchange{.client_start_ns = caller.start_time_unix_ns,
                                     .client_end_ns = caller.end_time_unix_ns,
                                     .server_start_ns = span.start_time_unix_ns,
                                     .server_end_ns = span.end_time_unix_ns}
                                .is_outside();
    if (!is_outside) return;
    counters_.outside_parent.add();
    append_attribute(out, kOutsideParentKey, true);
  }

  const Ready& ready_;
  const Part& part_;
  const StitchSettings& settings_;
  StitchCounters& counters_;
  std::string nested_;
};

}  // namespace

// Spans go in the order in which their requests had them, so that neighbours of one resource stay
// together.
otlp::Batch write_ready(std::vector<Ready> ready, const StitchSettings& settings,
                        StitchCounters& counters) {
  struct Item {
    std::size_t source;  // in the order in which they come
    std::uint32_t span;
    PartWriter* writer;
  };
  std::unordered_map<const Source*, std::size_t> numbers;
  std::vector<const Source*> sources;
  std::vector<PartWriter> writers;
  writers.reserve(ready.size());
  std::vector<Item> items;
  for (const Ready& each : ready) {
    PartWriter& writer = writers.emplace_back(each, settings, counters);
    const Source* source = each.part.source.get();
    const auto [number, is_new] = numbers.try_emplace(source, sources.size());
    if (is_new) sources.push_back(source);
    for (const std::uint32_t span : source->spans(each.part.run)) {
      items.push_back({number->second, span, &writer});
    }
  }
  std::ranges::sort(items, [](const Item& a, const Item& b) {
    return std::tie(a.source, a.span) < std::tie(b.source, b.span);
  });
  otlp::Batch batch;
  std::string content;
  for (auto item = items.begin(); item != items.end();) {
    const std::size_t number = item->source;
    const Source& source = *sources[number];
    otlp::RequestBuilder builder(source.index().tree(), otlp::Signal::kTraces);
    for (; item != items.end() && item->source == number; ++item) {
      const otlp::IndexedSpan& span = source.index().spans()[item->span];
      const std::string_view bytes = source.index().bytes(item->span);
      if (!item->writer->changes() && !item->writer->only_forgets_links(bytes)) {
        builder.add(span.scope, span.position);
        continue;
      }
      content.clear();
      item->writer->write(span, bytes, content);
      builder.add_new(span.scope, content);
    }
    batch.append(builder.take());
  }
  return batch;
}

std::string without_announcement(std::string_view span) {
  std::string out;
  otlp::WireReader reader(span);
  for (otlp::WireField field; reader.next(field);) {
    if (field.is_bytes(wire::span::kAttributes) &&
        otlp::AttributeView(field.bytes).key == kStitchPeerTraceIdKey) {
      continue;
    }
    out += field.whole;
  }
  return out;
}

}  // namespace kernspan::stitch
