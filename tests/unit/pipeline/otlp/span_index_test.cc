#include "pipeline/otlp/span_index.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <string>
#include <vector>

#include "pipeline/otlp/request_check.h"
#include "tests/unit/pipeline/otlp/random_request.h"

namespace kernspan::otlp {
namespace {

using AnyValue = opentelemetry::proto::common::v1::AnyValue;

void expect_value(const ValueView& view, const AnyValue& value) {
  ASSERT_EQ(static_cast<int>(view.kind()), static_cast<int>(value.value_case()));
  EXPECT_EQ(view.as_string(), value.string_value());
  EXPECT_EQ(view.as_bytes(), value.bytes_value());
  EXPECT_EQ(view.as_bool(), value.bool_value());
  EXPECT_EQ(view.as_int(), value.int_value());
  EXPECT_EQ(view.as_double(), value.double_value());
  int items = 0;
  for (const ValueView item : view.items()) {
    expect_value(item, value.array_value().values(items++));
  }
  EXPECT_EQ(items, value.array_value().values_size());
  int entries = 0;
  for (const AttributeView entry : view.entries()) {
    const auto& expected = value.kvlist_value().values(entries++);
    EXPECT_EQ(entry.key, expected.key());
    expect_value(entry.value(), expected.value());
  }
  EXPECT_EQ(entries, value.kvlist_value().values_size());
}

template <typename View, typename Message>
void expect_attributes(const View& view, const Message& message) {
  int count = 0;
  for (const AttributeView attribute : view.attributes()) {
    ASSERT_LT(count, message.attributes_size());
    const auto& expected = message.attributes(count++);
    EXPECT_EQ(attribute.key, expected.key());
    expect_value(attribute.value(), expected.value());
  }
  EXPECT_EQ(count, message.attributes_size());
  for (const auto& attribute : message.attributes()) {
    const auto first =
        std::find_if(message.attributes().begin(), message.attributes().end(),
                     [&](const auto& other) { return other.key() == attribute.key(); });
    expect_value(view.find(attribute.key()), first->value());
  }
  EXPECT_EQ(view.find("no such key").kind(), ValueKind::kNone);
}

template <std::size_t kBytes>
std::string bytes_of(const Id<kBytes>& id) {
  return id.is_valid() ? std::string(id.view()) : "";
}

void expect_span(const SpanView& view, const opentelemetry::proto::trace::v1::Span& span) {
  EXPECT_EQ(view.name, span.name());
  EXPECT_EQ(view.trace_state, span.trace_state());
  EXPECT_EQ(view.status_message, span.status().message());
  EXPECT_EQ(view.dropped_attributes_count, span.dropped_attributes_count());
  EXPECT_EQ(view.dropped_events_count, span.dropped_events_count());
  EXPECT_EQ(view.dropped_links_count, span.dropped_links_count());
  EXPECT_EQ(static_cast<int>(view.attribute_count), span.attributes_size());
  EXPECT_EQ(static_cast<int>(view.event_count), span.events_size());
  EXPECT_EQ(static_cast<int>(view.link_count), span.links_size());
  expect_attributes(view, span);
  int count = 0;
  for (const EventView event : view.events()) {
    const auto& expected = span.events(count++);
    EXPECT_EQ(event.name, expected.name());
    EXPECT_EQ(event.time_unix_ns, expected.time_unix_nano());
    EXPECT_EQ(event.dropped_attributes_count, expected.dropped_attributes_count());
    expect_attributes(event, expected);
  }
  EXPECT_EQ(count, span.events_size());
  count = 0;
  for (const LinkView link : view.links()) {
    const auto& expected = span.links(count++);
    EXPECT_EQ(link.trace_id.view(), expected.trace_id());
    EXPECT_EQ(link.span_id.view(), expected.span_id());
    EXPECT_EQ(link.trace_state, expected.trace_state());
    EXPECT_EQ(link.flags, expected.flags());
    EXPECT_EQ(link.dropped_attributes_count, expected.dropped_attributes_count());
    expect_attributes(link, expected);
  }
  EXPECT_EQ(count, span.links_size());
}

void expect_index(const SpanIndex& index, const ReferenceRequest& request) {
  std::size_t number = 0;
  for (const auto& resource_spans : request.resource_spans()) {
    for (const auto& scope_spans : resource_spans.scope_spans()) {
      for (const auto& span : scope_spans.spans()) {
        ASSERT_LT(number, index.size());
        const IndexedSpan& entry = index.spans()[number];
        EXPECT_EQ(bytes_of(entry.trace_id), span.trace_id());
        EXPECT_EQ(bytes_of(entry.span_id), span.span_id());
        EXPECT_EQ(bytes_of(entry.parent_span_id), span.parent_span_id());
        EXPECT_EQ(entry.start_time_unix_ns, span.start_time_unix_nano());
        EXPECT_EQ(entry.end_time_unix_ns, span.end_time_unix_nano());
        EXPECT_EQ(entry.flags, span.flags());
        EXPECT_EQ(static_cast<int>(entry.kind), static_cast<int>(span.kind()));
        EXPECT_EQ(static_cast<int>(entry.status_code), static_cast<int>(span.status().code()));
        EXPECT_EQ(index.bytes(number), span.SerializeAsString());
        expect_span(index.view(number), span);
        expect_attributes(index.resource_of(number), resource_spans.resource());
        expect_attributes(index.scope_of(number), scope_spans.scope());
        EXPECT_EQ(index.scope_of(number).name(), scope_spans.scope().name());
        EXPECT_EQ(index.scope_of(number).version(), scope_spans.scope().version());
        ++number;
      }
    }
  }
  EXPECT_EQ(index.size(), number);
}

TEST(SpanIndex, SaysWhatProtobufReads) {
  std::size_t spans = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    SCOPED_TRACE(seed);
    const ReferenceRequest request = RandomRequest(seed).make();
    const auto batch = Batch::from_wire(request.SerializeAsString());
    ASSERT_TRUE(batch) << batch.error().message;
    const SpanIndex index(*batch);
    EXPECT_EQ(index.size(), batch->item_count());
    expect_index(index, request);
    spans += index.size();
  }
  EXPECT_GT(spans, 500U);
}

TEST(SpanIndex, ReadsGatherLists) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    RandomRequest random(seed);
    const ReferenceRequest request = random.make();
    const std::string bytes = request.SerializeAsString();
    std::vector<std::size_t> cuts;
    for (std::size_t at = 0; at < bytes.size(); at += 1 + random.below(300)) cuts.push_back(at);
    const auto checked = check_pieces(cut_into_pieces(bytes, cuts), Signal::kTraces);
    ASSERT_TRUE(checked) << checked.error().message;
    expect_index(SpanIndex(Batch::from_slices(checked->slices, checked->items)), request);
  }
}

TEST(SpanIndex, KeepsTheBytesAlive) {
  auto batch = Batch::from_wire(reference_bytes(2));
  ASSERT_TRUE(batch);
  const SpanIndex index(*batch);
  *batch = Batch();
  EXPECT_EQ(index.view(1).name, "GET /cart");
  EXPECT_EQ(index.resource_of(1).find("service.name").as_string(), "shop");
}

// A Resource in two parts counts as their merge; so does what stands behind the scopes.
TEST(SpanIndex, MergesAResourceThatComesInParts) {
  ReferenceRequest first = reference_request(1);
  ReferenceRequest second;
  auto& attribute = *second.add_resource_spans()->mutable_resource()->add_attributes();
  attribute.set_key("late");
  attribute.mutable_value()->set_bool_value(true);
  std::string bytes;
  append_bytes_field(
      bytes, wire::request::kResourceSpans,
      first.resource_spans(0).SerializeAsString() + second.resource_spans(0).SerializeAsString());
  const auto batch = Batch::from_wire(bytes);
  ASSERT_TRUE(batch);
  const SpanIndex index(*batch);
  ReferenceRequest merged;
  ASSERT_TRUE(merged.ParseFromString(bytes));
  expect_index(index, merged);
  EXPECT_TRUE(index.resource_of(0).find("late").as_bool());
}

// Sizes around the one at which a length takes a second byte, and what few encoders write.
TEST(Views, ReadAttributesHoweverTheyAreWritten) {
  const auto field = [](std::uint32_t number, std::string_view content) {
    std::string bytes;
    append_bytes_field(bytes, number, content);
    return bytes;
  };
  for (const std::size_t size : {0, 1, 125, 126, 127, 128, 129, 300}) {
    const std::string text(size, 't');
    const std::string value = field(wire::any_value::kString, text);
    const std::string key = field(wire::key_value::kKey, text);
    const std::string first = key + field(wire::key_value::kValue, value);
    const std::string other = field(wire::key_value::kValue, field(wire::any_value::kString, "x"));
    const std::string unknown = field(9, "?");
    for (const std::string& written :
         {first, field(wire::key_value::kValue, value) + key, first + unknown, unknown + first,
          key + other + field(wire::key_value::kValue, value),
          field(wire::key_value::kKey, "x") + first,
          key + field(wire::key_value::kValue, value + unknown),
          key + field(wire::key_value::kValue, field(wire::any_value::kString, "x") + value)}) {
      const AttributeView attribute(written);
      EXPECT_EQ(attribute.key, text);
      EXPECT_EQ(attribute.value().kind(), ValueKind::kString);
      EXPECT_EQ(attribute.value().as_string(), text);
    }
  }
  EXPECT_EQ(AttributeView(field(wire::key_value::kKey, "alone")).key, "alone");
  const std::string empty =
      field(wire::key_value::kKey, "empty") + field(wire::key_value::kValue, "");
  EXPECT_EQ(AttributeView(empty).value().kind(), ValueKind::kNone);
  EXPECT_NE(AttributeView(empty).value_wire.data(), nullptr);
}

TEST(Views, OfBytesThatAreNotWellFormedEndEarly) {
  const std::string span =
      reference_request(1).resource_spans(0).scope_spans(0).spans(0).SerializeAsString();
  for (std::size_t size = 0; size < span.size(); ++size) {
    const SpanView view(std::string_view(span).substr(0, size));
    EXPECT_TRUE(view.name.empty() || view.name == "GET /cart");
  }
  EXPECT_TRUE(AttributeRange("\xFF\xFF\xFF", 9).empty());
  EXPECT_EQ(ValueView("\x0A\x7F").kind(), ValueKind::kNone);
}

}  // namespace
}  // namespace kernspan::otlp
