#include "pipeline/exporters/load_balancing/routing.h"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <set>
#include <string>

#include "tests/unit/pipeline/otlp/reference_request.h"

namespace kernspan {
namespace {

using Endpoints = std::vector<std::string>;

otlp::Batch batch_of(const otlp::ReferenceRequest& request) {
  auto batch = otlp::Batch::from_wire(request.SerializeAsString());
  EXPECT_TRUE(batch);
  return std::move(*batch);
}

otlp::ReferenceRequest request_of(const otlp::Batch& batch) {
  otlp::ReferenceRequest request;
  EXPECT_TRUE(request.ParseFromString(std::string(batch.joined().view())));
  return request;
}

template <typename Attributes>
auto& add(Attributes* attributes, const std::string& key) {
  auto* attribute = attributes->Add();
  attribute->set_key(key);
  return *attribute->mutable_value();
}

// `traces` traces, their spans mixed over three resources of two scopes each.
otlp::ReferenceRequest mixed_request(int traces, int spans_per_trace) {
  std::mt19937_64 random(11);
  std::vector<std::string> ids;
  for (int i = 0; i < traces; ++i) {
    std::string id(16, '\0');
    for (char& c : id) c = static_cast<char>(random());
    ids.push_back(id);
  }
  otlp::ReferenceRequest request;
  for (int resource = 0; resource < 3; ++resource) {
    auto* spans_of_resource = request.add_resource_spans();
    add(spans_of_resource->mutable_resource()->mutable_attributes(), "service.name")
        .set_string_value("service-" + std::to_string(resource));
    for (int scope = 0; scope < 2; ++scope) {
      auto* scope_spans = spans_of_resource->add_scope_spans();
      scope_spans->mutable_scope()->set_name("scope");
      for (int i = 0; i < traces * spans_per_trace / 6; ++i) {
        auto* span = scope_spans->add_spans();
        span->set_trace_id(ids[random() % ids.size()]);
        span->set_span_id(
            std::to_string(10'000'000 + resource * 2'000'000 + scope * 1'000'000 + i));
        span->set_name("a span");
        add(span->mutable_attributes(), "filler").set_string_value(std::string(100, 'x'));
      }
    }
  }
  return request;
}

std::multiset<std::string> spans_in(const otlp::ReferenceRequest& request) {
  std::multiset<std::string> spans;
  for (const auto& resource : request.resource_spans()) {
    for (const auto& scope : resource.scope_spans()) {
      for (const auto& span : scope.spans()) {
        spans.insert(resource.resource().SerializeAsString() + scope.scope().SerializeAsString() +
                     span.SerializeAsString());
      }
    }
  }
  return spans;
}

TEST(SplitByOwner, EverySpanGoesToTheOwnerOfItsTraceOnce) {
  const HashRing ring(Endpoints{"a:1", "b:1", "c:1", "d:1", "e:1"});
  const otlp::ReferenceRequest request = mixed_request(200, 10);
  const auto parts = split_by_owner(batch_of(request), ring, {});
  EXPECT_EQ(parts.size(), 5u);
  std::multiset<std::string> found;
  for (const OwnedPart& part : parts) {
    const otlp::ReferenceRequest part_request = request_of(part.batch);
    found.merge(spans_in(part_request));
    std::size_t count = 0;
    for (const auto& resource : part_request.resource_spans()) {
      for (const auto& scope : resource.scope_spans()) {
        for (const auto& span : scope.spans()) {
          EXPECT_EQ(ring.owner(span.trace_id()), part.owner);
          ++count;
        }
      }
    }
    EXPECT_EQ(part.batch.item_count(), count);
  }
  EXPECT_EQ(found, spans_in(request));
}

TEST(SplitByOwner, OneEndpointGetsTheBatchAsItIs) {
  otlp::Batch batch = batch_of(mixed_request(20, 6));
  const char* const bytes = batch.slices().front().view().data();
  const auto parts = split_by_owner(std::move(batch), HashRing(Endpoints{"a:1"}), {});
  ASSERT_EQ(parts.size(), 1u);
  EXPECT_EQ(parts.front().owner, 0u);
  EXPECT_EQ(parts.front().batch.slices().front().view().data(), bytes);
}

TEST(SplitByOwner, SpansOfOneServiceStayTogether) {
  const HashRing ring(Endpoints{"a:1", "b:1", "c:1", "d:1"});
  const Routing by_service{RoutingKey::kAttributes, {"service.name"}};
  const otlp::ReferenceRequest request = mixed_request(60, 6);
  std::map<std::string, std::size_t> owners;
  std::multiset<std::string> found;
  for (const OwnedPart& part : split_by_owner(batch_of(request), ring, by_service)) {
    const otlp::ReferenceRequest part_request = request_of(part.batch);
    found.merge(spans_in(part_request));
    for (const auto& resource : part_request.resource_spans()) {
      const std::string service = resource.resource().attributes(0).value().string_value();
      EXPECT_EQ(owners.try_emplace(service, part.owner).first->second, part.owner);
      EXPECT_EQ(part.owner, ring.owner("service.name=" + service + "|"));
    }
  }
  EXPECT_EQ(owners.size(), 3u);
  EXPECT_EQ(found, spans_in(request));
}

class AttributeKey : public ::testing::Test {
 protected:
  AttributeKey() {
    auto* resource_spans = request_.add_resource_spans();
    resource_ = resource_spans->mutable_resource()->mutable_attributes();
    auto* scope_spans = resource_spans->add_scope_spans();
    scope_ = scope_spans->mutable_scope()->mutable_attributes();
    span_ = scope_spans->add_spans();
    span_->set_trace_id(std::string(16, 'a'));
    span_->set_span_id(std::string(8, 'b'));
    span_->set_name("GET /cart");
    span_->set_kind(opentelemetry::proto::trace::v1::Span::SPAN_KIND_SERVER);
  }

  std::string key(const std::vector<std::string>& attributes) {
    const otlp::Batch batch = batch_of(request_);
    const otlp::SpanIndex index(batch);
    std::string key = "left over";
    by_resource_ = attribute_key(index, 0, attributes, &key);
    return key;
  }

  otlp::ReferenceRequest request_;
  google::protobuf::RepeatedPtrField<opentelemetry::proto::common::v1::KeyValue>* resource_;
  google::protobuf::RepeatedPtrField<opentelemetry::proto::common::v1::KeyValue>* scope_;
  opentelemetry::proto::trace::v1::Span* span_;
  bool by_resource_ = false;
};

TEST_F(AttributeKey, TakesTheResourceThenTheScopeThenTheSpan) {
  add(span_->mutable_attributes(), "a").set_string_value("span");
  EXPECT_EQ(key({"a"}), "a=span|");
  add(scope_, "a").set_string_value("scope");
  EXPECT_EQ(key({"a"}), "a=scope|");
  EXPECT_FALSE(by_resource_);
  add(resource_, "a").set_string_value("resource");
  EXPECT_EQ(key({"a"}), "a=resource|");
  EXPECT_TRUE(by_resource_);
}

TEST_F(AttributeKey, JoinsSeveralAndSaysWhatIsMissing) {
  add(resource_, "service.name").set_string_value("cart");
  EXPECT_EQ(key({"service.name", "nowhere", "span.kind", "span.name"}),
            "service.name=cart|nowhere=|span.kind=Server|span.name=GET /cart|");
  EXPECT_FALSE(by_resource_);
  EXPECT_EQ(key({}), "");
}

TEST_F(AttributeKey, WritesValuesAsUpstreamDoes) {
  const auto written = [&](auto set) {
    resource_->Clear();
    set(add(resource_, "k"));
    const std::string text = key({"k"});
    return text.substr(2, text.size() - 3);
  };
  EXPECT_EQ(written([](auto& v) { v.set_int_value(-7); }), "-7");
  EXPECT_EQ(written([](auto& v) { v.set_bool_value(true); }), "true");
  EXPECT_EQ(written([](auto& v) { v.set_bytes_value("\1\2\3\4"); }), "AQIDBA==");
  EXPECT_EQ(written([](auto&) {}), "");
  // strconv.FormatFloat(v, 'g', -1, 64)
  for (const auto& [value, text] : std::map<double, std::string>{{0.5, "0.5"},
                                                                 {100, "100"},
                                                                 {123456, "123456"},
                                                                 {1e6, "1e+06"},
                                                                 {1234567, "1.234567e+06"},
                                                                 {1e-4, "0.0001"},
                                                                 {1e-5, "1e-05"},
                                                                 {-2.25, "-2.25"}}) {
    EXPECT_EQ(written([&](auto& v) { v.set_double_value(value); }), text);
  }
  EXPECT_EQ(written([](auto& v) {
              v.mutable_array_value()->add_values()->set_int_value(1);
              v.mutable_array_value()->add_values()->set_string_value("b");
            }),
            "[1,b]");
  EXPECT_EQ(written([](auto& v) {
              auto* list = v.mutable_kvlist_value()->mutable_values();
              add(list, "z").set_int_value(1);
              add(list, "a").set_string_value("x");
            }),
            "{a:x,z:1}");
}

}  // namespace
}  // namespace kernspan
