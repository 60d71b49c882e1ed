// Everything that reads OTLP bytes from outside: the check, in one piece and in many, the index and
// the views, edits, filters and cuts, each against protobuf's reading of its result; the JSON writer
// and what reads its output, gzip, and the answers of peers. The first byte chooses where things are
// cut.
#include <google/protobuf/stubs/logging.h>
#include <opentelemetry/proto/collector/trace/v1/trace_service.pb.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/gunzip.h"
#include "pipeline/otlp/json_reader.h"
#include "pipeline/otlp/json_writer.h"
#include "pipeline/otlp/request_check.h"
#include "pipeline/otlp/resource_edit.h"
#include "pipeline/otlp/rpc_status.h"
#include "pipeline/otlp/span_edit.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/otlp/span_questions.h"
#include "pipeline/otlp/split.h"

namespace {

using kernspan::otlp::Batch;
using kernspan::otlp::Slice;
using kernspan::otlp::SpanIndex;
using kernspan::otlp::SpanQuestions;

void check(bool condition) {
  if (!condition) std::abort();
}

std::string joined(const Batch& batch) {
  std::string bytes;
  for (const std::string_view slice : batch.slices()) bytes += slice;
  return bytes;
}

void check_json(const Batch& batch) {
  std::string json;
  const auto outcome = kernspan::otlp::append_json(batch, json);
  check(outcome.items + outcome.malformed_items == batch.item_count());
  check(json.find('\n') == std::string::npos);
  const auto records = kernspan::otlp::parse_json_spans(json);
  check(records.has_value());
  check(records->size() == outcome.items);
}

using Reference = opentelemetry::proto::collector::trace::v1::ExportTraceServiceRequest;

std::size_t walk(const kernspan::otlp::ValueView& value) {
  std::size_t sum = value.as_string().size() + value.as_bytes().size();
  for (const auto item : value.items()) sum += walk(item);
  for (const auto entry : value.entries()) sum += entry.key.size() + walk(entry.value());
  return sum;
}

template <typename View>
std::size_t walk_attributes(const View& view) {
  std::size_t sum = 0;
  for (const auto attribute : view.attributes()) {
    sum += attribute.key.size() + walk(attribute.value());
  }
  return sum;
}

void check_views(const SpanIndex& index) {
  for (std::size_t i = 0; i < index.size(); ++i) {
    const auto view = index.view(i);
    std::size_t sum = walk_attributes(view) + walk_attributes(index.resource_of(i)) +
                      walk_attributes(index.scope_of(i));
    for (const auto event : view.events()) sum += walk_attributes(event);
    for (const auto link : view.links()) sum += walk_attributes(link);
    check(sum <= index.bytes(i).size() + index.resource_of(i).bytes().size() +
                     index.scope_of(i).bytes().size());
    // Read in another way where the span is plain.
    const auto& entry = index.spans()[i];
    check(view.trace_id == entry.trace_id && view.span_id == entry.span_id);
    check(view.parent_span_id == entry.parent_span_id && view.flags == entry.flags);
    check(view.kind == entry.kind && view.status_code == entry.status_code);
    check(view.start_time_unix_ns == entry.start_time_unix_ns);
    check(view.end_time_unix_ns == entry.end_time_unix_ns);
  }
}

void check_index(const SpanIndex& index, const Reference& reference) {
  std::size_t number = 0;
  for (const auto& resource_spans : reference.resource_spans()) {
    for (const auto& scope_spans : resource_spans.scope_spans()) {
      for (const auto& span : scope_spans.spans()) {
        check(number < index.size());
        const auto view = index.view(number++);
        check(view.name == span.name());
        check(!view.span_id.is_valid() || view.span_id.view() == span.span_id());
        check(view.start_time_unix_ns == span.start_time_unix_nano());
        check(view.status_message == span.status().message());
        check(static_cast<int>(view.attribute_count) == span.attributes_size());
      }
    }
  }
  check(number == index.size());
}

// What the batch says is what protobuf reads, and what it should be.
void check_same(const Batch& batch, const Reference& expected) {
  const std::string bytes = joined(batch);
  check(bytes.size() == batch.byte_count());
  const auto items = kernspan::otlp::check_request(bytes, kernspan::otlp::Signal::kTraces);
  check(items.has_value() && *items == batch.item_count());
  Reference actual;
  check(actual.ParseFromString(bytes));
  check(actual.SerializeAsString() == expected.SerializeAsString());
}

void check_resource_edit(const Batch& batch, Reference expected) {
  for (auto& resource_spans : *expected.mutable_resource_spans()) {
    auto& attributes = *resource_spans.mutable_resource()->mutable_attributes();
    attributes.erase(std::remove_if(attributes.begin(), attributes.end(),
                                    [](const auto& one) { return one.key() < "k"; }),
                     attributes.end());
    auto& added = *attributes.Add();
    added.set_key("kernspan.fuzz");
    added.mutable_value()->set_string_value("value");
  }
  const std::string value = kernspan::otlp::encode_value("value");
  bool has_key = false;
  const Batch edited = kernspan::otlp::edit_resources(batch.clone(), [&](auto& resource) {
    has_key |= resource.find("kernspan.fuzz").kind() != kernspan::otlp::ValueKind::kNone;
    resource.erase_if([](std::string_view key, auto) { return key < "k"; });
    resource.upsert("kernspan.fuzz", value);
  });
  if (!has_key) check_same(edited, expected);
}

void check_span_edit(const Batch& batch, const Reference& reference) {
  Reference expected;
  std::size_t number = 0;
  for (const auto& resource_spans : reference.resource_spans()) {
    auto kept_resource = resource_spans;
    kept_resource.clear_scope_spans();
    for (const auto& scope_spans : resource_spans.scope_spans()) {
      auto kept_scope = scope_spans;
      kept_scope.clear_spans();
      for (const auto& span : scope_spans.spans()) {
        const std::size_t turn = number++ % 3;
        if (turn == 0) continue;
        *kept_scope.add_spans() = span;
        if (turn == 1) kept_scope.mutable_spans()->rbegin()->set_name("renamed");
      }
      if (kept_scope.spans_size() != 0) *kept_resource.add_scope_spans() = kept_scope;
    }
    if (kept_resource.scope_spans_size() != 0) *expected.add_resource_spans() = kept_resource;
  }
  number = 0;
  const Batch edited = kernspan::otlp::edit_spans(batch.clone(), [&](auto& span) {
    const std::size_t turn = number++ % 3;
    if (turn == 0) span.drop();
    if (turn == 1) span.set_name("renamed");
  });
  if (batch.item_count() != 0) check_same(edited, expected);
}

// A request in pieces is judged as the whole is, and stays what it was.
void check_pieces(std::string_view bytes, std::size_t step, const Batch* whole) {
  std::vector<Slice> pieces;
  for (std::string_view rest = bytes; !rest.empty();) {
    const std::string_view piece = rest.substr(0, step);
    pieces.emplace_back(std::string(piece));
    rest.remove_prefix(piece.size());
  }
  auto checked = kernspan::otlp::check_pieces(pieces, kernspan::otlp::Signal::kTraces);
  check(checked.has_value() == (whole != nullptr));
  if (!checked) return;
  check(checked->items == whole->item_count());
  const Batch batch = Batch::from_slices(std::move(checked->slices), checked->items);
  check(joined(batch) == bytes);
  check(SpanIndex(batch).size() == batch.item_count());
}

void check_bytes_split(const Batch& batch, std::size_t max_bytes) {
  std::size_t spans = 0;
  std::size_t too_large = 0;
  const auto cut = kernspan::otlp::split_by_bytes(batch.clone(), max_bytes);
  for (const Batch& piece : cut.batches) {
    const auto again = Batch::from_wire(joined(piece));
    check(again.has_value() && again->item_count() == piece.item_count());
    check(piece.byte_count() == again->byte_count());
    if (piece.byte_count() > max_bytes) ++too_large;
    spans += piece.item_count();
  }
  check(too_large == cut.too_large);
  check(spans == batch.item_count());
  spans = 0;
  for (const auto& part : kernspan::otlp::split_by_trace(batch)) spans += part.batch.item_count();
  check(spans == batch.item_count());
}

void check_wire(const Batch& batch, std::size_t step) {
  const SpanIndex index(batch);
  check(index.size() == batch.item_count());
  check_views(index);
  check_bytes_split(batch, 16 * step);
  Reference reference;
  // Protobuf also demands that strings are UTF-8.
  if (!reference.ParseFromString(joined(batch))) return;
  check_index(index, reference);
  check_resource_edit(batch, reference);
  check_span_edit(batch, reference);
}

// The pieces are well-formed requests, none too large, and no span is lost.
void check_split(const Batch& batch, std::size_t max_spans) {
  std::size_t spans = 0;
  for (const Batch& piece : kernspan::otlp::split(batch.clone(), max_spans)) {
    const auto again = Batch::from_wire(joined(piece));
    check(again.has_value());
    check(again->item_count() == piece.item_count());
    check(piece.item_count() <= max_spans);
    spans += piece.item_count();
  }
  check(spans == batch.item_count());
}

}  // namespace

// What is noted while the request is checked is what is read later.
void check_answers(std::string_view bytes, const Batch* plain) {
  static const SpanQuestions kQuestions = [] {
    SpanQuestions questions;
    for (const char* key : {"", "k", "key", "http.route"}) questions.ask_for_attribute(key);
    return questions;
  }();
  auto batch = Batch::from_wire(std::string(bytes), kernspan::otlp::Signal::kTraces, &kQuestions);
  check(batch.has_value() == (plain != nullptr));
  if (!batch) return;
  const SpanIndex& index = *batch->index();
  check(index.size() == batch->item_count());
  check_views(index);
  std::vector<std::string_view> values(kQuestions.keys().size());
  for (std::size_t i = 0; i < index.size(); ++i) {
    kQuestions.keys().find(index.bytes(i), kernspan::otlp::wire::span::kAttributes, values);
    for (std::uint32_t key = 0; key < values.size(); ++key) {
      const std::string_view found = index.found(i, key);
      check((found.data() == nullptr) == (values[key].data() == nullptr) && found == values[key]);
    }
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const google::protobuf::LogSilencer kNoWordsOnStrings;
  if (size == 0) return 0;
  const std::size_t max_spans = data[0] % 16 + 1U;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  const auto batch = Batch::from_wire(std::string(bytes));
  if (batch) {
    check_json(*batch);
    check_split(*batch, max_spans);
    check_wire(*batch, max_spans);
  }
  check_pieces(bytes, max_spans, batch ? &*batch : nullptr);
  check_answers(bytes, batch ? &*batch : nullptr);
  static_cast<void>(Batch::from_wire(std::string(bytes), kernspan::otlp::Signal::kMetrics));
  constexpr std::size_t kMaxInflated = 1 << 16;
  const auto inflated = kernspan::otlp::gunzip({&bytes, 1}, kMaxInflated);
  check(!inflated || inflated->size() <= kMaxInflated);
  static_cast<void>(kernspan::otlp::parse_json_spans(bytes));
  static_cast<void>(kernspan::otlp::parse_export_response(bytes));
  static_cast<void>(kernspan::otlp::parse_retry_delay(bytes));
  return 0;
}
