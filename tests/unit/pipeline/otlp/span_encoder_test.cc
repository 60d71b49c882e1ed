#include "pipeline/otlp/span_encoder.h"

#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <limits>
#include <random>
#include <string>
#include <vector>

#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan::otlp {
namespace {

using google::protobuf::util::MessageDifferencer;

ReferenceRequest parsed(const Batch& batch) {
  std::string bytes;
  for (const Slice& slice : batch.slices()) bytes += slice.view();
  ReferenceRequest request;
  EXPECT_TRUE(request.ParseFromString(bytes));
  // What the encoder wrote is also what a generated class would write, byte for byte in length.
  EXPECT_EQ(request.ByteSizeLong(), bytes.size());
  return request;
}

SpanData sample_span() {
  SpanData span;
  span.trace_id = *TraceId::from_hex("0af7651916cd43dd8448eb211c80319c");
  span.span_id = *SpanId::from_hex("b7ad6b7169203331");
  span.name = "GET /cart";
  span.kind = SpanKind::kServer;
  span.start_time_unix_ns = 1'700'000'000'000'000'001;
  span.end_time_unix_ns = 1'700'000'000'250'000'002;
  return span;
}

void set_reference(opentelemetry::proto::common::v1::KeyValue& out, const Attribute& attribute) {
  out.set_key(std::string(attribute.key));
  auto& value = *out.mutable_value();
  if (const auto* text = std::get_if<std::string_view>(&attribute.value)) {
    value.set_string_value(std::string(*text));
  } else if (const auto* integer = std::get_if<std::int64_t>(&attribute.value)) {
    value.set_int_value(*integer);
  } else if (const auto* number = std::get_if<double>(&attribute.value)) {
    value.set_double_value(*number);
  } else {
    value.set_bool_value(std::get<bool>(attribute.value));
  }
}

void set_reference(opentelemetry::proto::trace::v1::Span& out, const SpanData& span) {
  out.set_trace_id(std::string(span.trace_id.view()));
  out.set_span_id(std::string(span.span_id.view()));
  if (span.parent_span_id.is_valid()) {
    out.set_parent_span_id(std::string(span.parent_span_id.view()));
  }
  out.set_trace_state(std::string(span.trace_state));
  out.set_flags(span.flags);
  out.set_name(std::string(span.name));
  out.set_kind(static_cast<opentelemetry::proto::trace::v1::Span::SpanKind>(span.kind));
  out.set_start_time_unix_nano(span.start_time_unix_ns);
  out.set_end_time_unix_nano(span.end_time_unix_ns);
  for (const Attribute& attribute : span.attributes)
    set_reference(*out.add_attributes(), attribute);
  out.set_dropped_attributes_count(span.dropped_attributes_count);
  if (span.status_code != StatusCode::kUnset || !span.status_message.empty()) {
    out.mutable_status()->set_code(
        static_cast<opentelemetry::proto::trace::v1::Status::StatusCode>(span.status_code));
    out.mutable_status()->set_message(std::string(span.status_message));
  }
}

TEST(RequestEncoder, NothingAddedIsAnEmptyBatch) {
  RequestEncoder encoder;
  encoder.begin_resource(encode_resource({}));
  const Batch batch = encoder.take();
  EXPECT_TRUE(batch.empty());
  EXPECT_TRUE(batch.slices().empty());
}

TEST(RequestEncoder, EveryValueType) {
  const std::vector<Attribute> attributes = {
      {"text", "v"},
      {"empty", ""},
      {"int", std::int64_t{-1}},
      {"zero", std::int64_t{0}},
      {"max", std::numeric_limits<std::int64_t>::max()},
      {"double", 0.25},
      {"yes", true},
      {"no", false},
  };
  SpanData span = sample_span();
  span.attributes = attributes;
  RequestEncoder encoder("scope", "1.2");
  encoder.begin_resource(encode_resource(attributes));
  encoder.add_span(span);

  ReferenceRequest expected;
  auto& resource_spans = *expected.add_resource_spans();
  for (const Attribute& attribute : attributes) {
    set_reference(*resource_spans.mutable_resource()->add_attributes(), attribute);
  }
  auto& scope_spans = *resource_spans.add_scope_spans();
  scope_spans.mutable_scope()->set_name("scope");
  scope_spans.mutable_scope()->set_version("1.2");
  set_reference(*scope_spans.add_spans(), span);
  const ReferenceRequest actual = parsed(encoder.take());
  EXPECT_TRUE(MessageDifferencer::Equals(actual, expected)) << actual.DebugString();
}

TEST(RequestEncoder, GroupsSpansByResourceWhateverTheirOrder) {
  const std::vector<Attribute> shop = {{"service.name", "shop"}};
  const std::vector<Attribute> cart = {{"service.name", "cart"}};
  const std::string shop_bytes = encode_resource(shop);
  const std::string cart_bytes = encode_resource(cart);
  RequestEncoder encoder;
  for (int i = 0; i < 3; ++i) {
    encoder.begin_resource(shop_bytes);
    encoder.add_span(sample_span());
    encoder.begin_resource(cart_bytes);
    encoder.add_span(sample_span());
    encoder.add_span(sample_span());
  }
  const Batch batch = encoder.take();
  EXPECT_EQ(batch.item_count(), 9U);
  const ReferenceRequest request = parsed(batch);
  ASSERT_EQ(request.resource_spans_size(), 2);
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).spans_size(), 3);
  EXPECT_EQ(request.resource_spans(1).scope_spans(0).spans_size(), 6);
  EXPECT_EQ(request.resource_spans(1).resource().attributes(0).value().string_value(), "cart");
}

TEST(RequestEncoder, StartsOverAfterTake) {
  const std::vector<Attribute> shop = {{"service.name", "shop"}};
  const std::string resource = encode_resource(shop);
  RequestEncoder encoder;
  for (int round = 0; round < 3; ++round) {
    encoder.begin_resource(resource);
    encoder.add_span(sample_span());
    EXPECT_EQ(encoder.span_count(), 1U);
    const ReferenceRequest request = parsed(encoder.take());
    ASSERT_EQ(request.resource_spans_size(), 1);
    EXPECT_EQ(request.resource_spans(0).scope_spans(0).spans_size(), 1);
    EXPECT_TRUE(encoder.empty());
    EXPECT_EQ(encoder.byte_count(), 0U);
  }
}

TEST(RequestEncoder, ByteCountIsCloseToTheBatch) {
  RequestEncoder encoder;
  for (int i = 0; i < 200; ++i) encoder.add_span(sample_span());
  const std::size_t announced = encoder.byte_count();
  const std::size_t actual = encoder.take().byte_count();
  EXPECT_LE(announced, actual);
  EXPECT_LE(actual - announced, 18U);
}

TEST(RequestEncoder, BytesThatAreNotUtf8AreReplacedAndCounted) {
  const std::vector<Attribute> attributes = {{"url.path",
                                              "/a\xFF\xFE"
                                              "b"}};
  SpanData span = sample_span();
  span.attributes = attributes;
  RequestEncoder encoder;
  encoder.add_span(span);
  const ReferenceRequest request = parsed(encoder.take());
  EXPECT_EQ(request.resource_spans(0).scope_spans(0).spans(0).attributes(0).value().string_value(),
            "/a??b");
  EXPECT_EQ(encoder.replaced_bytes(), 2U);
}

// Sizes are computed apart from the writing: they must agree whatever the lengths of the parts.
TEST(RequestEncoder, RandomSpansEqualTheReference) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  const auto below = [&](std::uint64_t limit) { return random() % limit; };
  const auto text = [&] {
    const std::uint64_t size = 1 + (below(4) == 0 ? below(20'000) : below(200));
    return std::string(size, static_cast<char>('a' + below(26)));
  };
  RequestEncoder encoder("s", "v");
  ReferenceRequest expected;
  auto& scope_spans = *expected.add_resource_spans()->add_scope_spans();
  expected.mutable_resource_spans(0)->mutable_resource();
  scope_spans.mutable_scope()->set_name("s");
  scope_spans.mutable_scope()->set_version("v");
  for (int i = 0; i < 500; ++i) {
    std::vector<std::string> strings(40);
    for (std::string& string : strings) string = text();
    std::vector<Attribute> attributes;
    for (std::size_t a = 0; a < below(12); ++a) {
      const std::string_view key = strings[2 * a];
      switch (below(4)) {
        case 0:
          attributes.push_back({key, std::string_view(strings[2 * a + 1])});
          break;
        case 1:
          attributes.push_back({key, static_cast<std::int64_t>(random() >> below(64))});
          break;
        case 2:
          attributes.push_back({key, static_cast<double>(random())});
          break;
        default:
          attributes.push_back({key, below(2) == 0});
      }
    }
    SpanData span;
    for (auto& byte : span.trace_id.bytes) byte = static_cast<std::uint8_t>(random());
    for (auto& byte : span.span_id.bytes) byte = static_cast<std::uint8_t>(random());
    if (below(2) == 0) span.parent_span_id = span.span_id;
    if (below(2) == 0) span.trace_state = strings[30];
    if (below(2) == 0) span.flags = static_cast<std::uint32_t>(random());
    span.kind = static_cast<SpanKind>(below(6));
    if (below(4) != 0) span.name = strings[31];
    span.start_time_unix_ns = random();
    span.end_time_unix_ns = random();
    span.status_code = static_cast<StatusCode>(below(3));
    if (below(2) == 0) span.status_message = strings[32];
    if (below(2) == 0) span.dropped_attributes_count = static_cast<std::uint32_t>(random());
    span.attributes = attributes;
    encoder.add_span(span);
    set_reference(*scope_spans.add_spans(), span);
  }
  const ReferenceRequest actual = parsed(encoder.take());
  EXPECT_TRUE(MessageDifferencer::Equals(actual, expected));
}

}  // namespace
}  // namespace kernspan::otlp
