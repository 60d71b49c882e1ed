// Edits of resources and spans, and filters, on the wire form, against the same done to protobuf's
// objects.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "pipeline/otlp/request_check.h"
#include "pipeline/otlp/resource_edit.h"
#include "pipeline/otlp/span_edit.h"
#include "pipeline/otlp/span_filter.h"
#include "tests/unit/pipeline/otlp/random_request.h"

namespace kernspan::otlp {
namespace {

using KeyValue = opentelemetry::proto::common::v1::KeyValue;
using Attributes = google::protobuf::RepeatedPtrField<KeyValue>;

// The same request as a batch in one slice, and in many.
std::vector<Batch> forms_of(const ReferenceRequest& request, RandomRequest& random) {
  const std::string bytes = request.SerializeAsString();
  std::vector<Batch> forms;
  forms.push_back(*Batch::from_wire(bytes));
  std::vector<std::size_t> cuts;
  for (std::size_t at = 0; at < bytes.size(); at += 1 + random.below(200)) cuts.push_back(at);
  auto checked = check_pieces(cut_into_pieces(bytes, cuts), Signal::kTraces);
  forms.push_back(Batch::from_slices(std::move(checked->slices), checked->items));
  return forms;
}

// Well-formed, with the right counts, and equal to `expected`; messages without spans may be gone.
void expect_equal(const Batch& batch, const ReferenceRequest& expected) {
  const std::string bytes = joined_bytes(batch);
  EXPECT_EQ(batch.byte_count(), bytes.size());
  const auto checked = check_request(bytes, Signal::kTraces);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(batch.item_count(), *checked);
  ReferenceRequest actual;
  ASSERT_TRUE(actual.ParseFromString(bytes));
  google::protobuf::util::MessageDifferencer differencer;
  std::string difference;
  differencer.ReportDifferencesToString(&difference);
  EXPECT_TRUE(differencer.Compare(actual, expected)) << difference;
}

KeyValue* find(Attributes& attributes, const std::string& key) {
  const auto found =
      std::find_if(attributes.begin(), attributes.end(),
                   [&](const KeyValue& attribute) { return attribute.key() == key; });
  return found == attributes.end() ? nullptr : &*found;
}

// One change, made to both forms.
struct Change {
  enum Kind { kUpsert, kInsert, kUpdate, kErase, kCount };
  Kind kind;
  std::string key;
  std::string value;

  static Change random(RandomRequest& random) {
    return {static_cast<Kind>(random.below(kCount)), "key." + std::to_string(random.below(8)),
            "new." + std::to_string(random.below(100))};
  }

  void apply(AttributeEditor& editor) const {
    const std::string encoded = encode_value(value);
    switch (kind) {
      case kUpsert:
        return editor.upsert(key, encoded);
      case kInsert:
        editor.insert(key, encoded);
        return;
      case kUpdate:
        editor.update(key, encoded);
        return;
      default:
        editor.erase(key);
    }
  }

  void apply(Attributes& attributes) const {
    KeyValue* const present = find(attributes, key);
    if (kind == kErase) {
      const auto last = std::remove_if(attributes.begin(), attributes.end(),
                                       [&](const KeyValue& one) { return one.key() == key; });
      attributes.erase(last, attributes.end());
    } else if (present != nullptr && kind != kInsert) {
      present->mutable_value()->Clear();
      present->mutable_value()->set_string_value(value);
    } else if (present == nullptr && kind != kUpdate) {
      KeyValue& added = *attributes.Add();
      added.set_key(key);
      added.mutable_value()->set_string_value(value);
    }
  }
};

TEST(EditResources, DoesWhatIsDoneToProtobufsObjects) {
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    SCOPED_TRACE(seed);
    RandomRequest random(seed);
    const ReferenceRequest request = random.make();
    std::vector<std::vector<Change>> changes(
        static_cast<std::size_t>(request.resource_spans_size()));
    for (auto& of_resource : changes) {
      for (std::size_t i = random.below(4); i != 0; --i)
        of_resource.push_back(Change::random(random));
    }
    ReferenceRequest expected = request;
    for (std::size_t i = 0; i < changes.size(); ++i) {
      auto& resource_spans = *expected.mutable_resource_spans(static_cast<int>(i));
      Attributes attributes = resource_spans.resource().attributes();
      for (const Change& change : changes[i]) change.apply(attributes);
      if (attributes.size() != 0 || resource_spans.has_resource()) {
        *resource_spans.mutable_resource()->mutable_attributes() = attributes;
      }
    }
    for (Batch& batch : forms_of(request, random)) {
      std::size_t resource = 0;
      const Batch edited = edit_resources(std::move(batch), [&](AttributeEditor& editor) {
        for (const Change& change : changes[resource]) change.apply(editor);
        ++resource;
      });
      EXPECT_EQ(resource, changes.size());
      ReferenceRequest actual = parse_reference(edited);
      // A Resource without anything in it is none.
      for (int i = 0; i < actual.resource_spans_size(); ++i) {
        if (expected.resource_spans(i).has_resource() != actual.resource_spans(i).has_resource()) {
          EXPECT_EQ(expected.resource_spans(i).resource().ByteSizeLong(), 0U);
          EXPECT_EQ(actual.resource_spans(i).resource().ByteSizeLong(), 0U);
          expected.mutable_resource_spans(i)->clear_resource();
          actual.mutable_resource_spans(i)->clear_resource();
        }
      }
      EXPECT_EQ(edited.item_count(), *check_request(joined_bytes(edited), Signal::kTraces));
      EXPECT_EQ(actual.SerializeAsString(), expected.SerializeAsString());
    }
  }
}

TEST(EditResources, LeavesTheSpansWhereTheyAre) {
  const std::string bytes = reference_bytes(1000);
  auto batch = Batch::from_wire(bytes);
  ASSERT_TRUE(batch);
  const std::string_view before = batch->slices()[0].view();
  const Batch edited = edit_resources(batch->clone(), [](AttributeEditor& resource) {
    EXPECT_EQ(resource.find("service.name").as_string(), "shop");
    resource.upsert("service.name", encode_value("cart"));
    resource.upsert("port", encode_value(std::int64_t{8080}));
    resource.upsert("ratio", encode_value(0.5));
    resource.upsert("on", encode_value(true));
    EXPECT_EQ(resource.find("service.name").as_string(), "cart");
    EXPECT_EQ(resource.find("port").as_int(), 8080);
    EXPECT_EQ(resource.find("ratio").as_double(), 0.5);
    EXPECT_TRUE(resource.find("on").as_bool());
  });
  ASSERT_EQ(edited.slices().size(), 2U);
  const std::string_view rest = edited.slices()[1].view();
  EXPECT_EQ(rest.data() + rest.size(), before.data() + before.size());
  EXPECT_GT(rest.size(), bytes.size() - 100);
  EXPECT_EQ(edited.item_count(), 1000U);
  // What is shared is not changed.
  EXPECT_EQ(joined_bytes(*batch), bytes);
}

TEST(EditResources, WithoutAChangeTheBatchStaysAsItIs) {
  auto batch = Batch::from_wire(reference_bytes(3));
  ASSERT_TRUE(batch);
  const char* const before = batch->slices()[0].view().data();
  const Batch same = edit_resources(std::move(*batch), [](AttributeEditor& resource) {
    resource.upsert("service.name", encode_value("shop"));
    EXPECT_FALSE(resource.insert("service.name", encode_value("other")));
    EXPECT_FALSE(resource.update("other", encode_value("value")));
    EXPECT_FALSE(resource.erase("other"));
  });
  EXPECT_EQ(same.slices()[0].view().data(), before);
  EXPECT_EQ(same.slices().size(), 1U);
}

TEST(EditResources, AValueMayComeFromAnotherAttribute) {
  const Batch edited =
      edit_resources(*Batch::from_wire(reference_bytes(1)), [](AttributeEditor& resource) {
        resource.upsert("copy", resource.find("service.name").wire());
        resource.erase("service.name");
      });
  const ReferenceRequest request = parse_reference(edited);
  ASSERT_EQ(request.resource_spans(0).resource().attributes_size(), 1);
  EXPECT_EQ(request.resource_spans(0).resource().attributes(0).key(), "copy");
  EXPECT_EQ(request.resource_spans(0).resource().attributes(0).value().string_value(), "shop");
}

TEST(EditResources, WorksOnMetrics) {
  // resource_metrics { resource {} scope_metrics { metrics { gauge { data_points {} } } } }
  const std::string bytes("\x0A\x0A\x0A\x00\x12\x06\x12\x04\x2A\x02\x0A\x00", 12);
  auto batch = Batch::from_wire(bytes, Signal::kMetrics);
  ASSERT_TRUE(batch) << batch.error().message;
  const Batch edited = edit_resources(std::move(*batch), [](AttributeEditor& resource) {
    resource.insert("k", encode_value("v"));
  });
  EXPECT_EQ(edited.signal(), Signal::kMetrics);
  EXPECT_EQ(edited.item_count(), 1U);
  EXPECT_EQ(joined_bytes(edited), std::string("\x0A\x14\x0A\x0A\x0A\x08\x0A\x01k\x12\x03\x0A\x01v"
                                              "\x12\x06\x12\x04\x2A\x02\x0A\x00",
                                              22));
}

// The request without the spans that are condemned, and without scopes and resources that have none.
template <typename Keep>
ReferenceRequest filtered(const ReferenceRequest& request, Keep keep) {
  ReferenceRequest result;
  std::size_t number = 0;
  for (const auto& resource_spans : request.resource_spans()) {
    auto kept_resource = resource_spans;
    kept_resource.clear_scope_spans();
    for (const auto& scope_spans : resource_spans.scope_spans()) {
      auto kept_scope = scope_spans;
      kept_scope.clear_spans();
      for (const auto& span : scope_spans.spans()) {
        if (keep(number++)) *kept_scope.add_spans() = span;
      }
      if (kept_scope.spans_size() != 0) *kept_resource.add_scope_spans() = kept_scope;
    }
    if (kept_resource.scope_spans_size() != 0) *result.add_resource_spans() = kept_resource;
  }
  return result;
}

TEST(FilterSpans, EverySubsetOfSmallRequests) {
  std::size_t subsets = 0;
  for (std::uint64_t seed = 0; subsets < 2'000; ++seed) {
    SCOPED_TRACE(seed);
    RandomRequest random(seed);
    const ReferenceRequest request = random.make(2);
    for (Batch& batch : forms_of(request, random)) {
      const std::size_t spans = batch.item_count();
      if (spans == 0 || spans > 6) continue;
      for (std::size_t subset = 0; subset + 1 < std::size_t{1} << spans; ++subset, ++subsets) {
        const auto keep = [&](std::size_t span) { return (subset >> span & 1) != 0; };
        const Batch kept = filter_spans(
            batch.clone(), [&](const SpanIndex&, std::size_t span) { return keep(span); });
        expect_equal(kept, filtered(request, keep));
      }
    }
  }
}

TEST(FilterSpans, KeepingAllChangesNothing) {
  auto batch = Batch::from_wire(reference_bytes(5));
  ASSERT_TRUE(batch);
  const char* const before = batch->slices()[0].view().data();
  const Batch kept =
      filter_spans(std::move(*batch), [](const SpanIndex&, std::size_t) { return true; });
  EXPECT_EQ(kept.slices()[0].view().data(), before);
}

TEST(FilterSpans, LongRunsAreNotCopied) {
  auto batch = Batch::from_wire(reference_bytes(1000));
  ASSERT_TRUE(batch);
  const std::string_view before = batch->slices()[0].view();
  const Batch kept =
      filter_spans(batch->clone(), [](const SpanIndex&, std::size_t span) { return span != 500; });
  EXPECT_EQ(kept.item_count(), 999U);
  std::size_t shared = 0;
  for (const Slice& slice : kept.slices()) {
    const char* const begin = slice.view().data();
    if (begin >= before.data() && begin < before.data() + before.size()) shared += slice.size();
  }
  EXPECT_GT(shared, kept.byte_count() - 200);
}

TEST(EditSpans, DoesWhatIsDoneToProtobufsObjects) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    SCOPED_TRACE(seed);
    RandomRequest random(seed);
    const ReferenceRequest request = random.make();
    struct Plan {
      std::vector<Change> changes;
      bool drop = false;
      bool rename = false;
    };
    std::vector<Plan> plans;
    ReferenceRequest changed = request;
    for (auto& resource_spans : *changed.mutable_resource_spans()) {
      for (auto& scope_spans : *resource_spans.mutable_scope_spans()) {
        for (auto& span : *scope_spans.mutable_spans()) {
          Plan& plan = plans.emplace_back();
          for (std::size_t i = random.below(3); i != 0; --i) {
            plan.changes.push_back(Change::random(random));
            plan.changes.back().apply(*span.mutable_attributes());
          }
          plan.drop = random.below(6) == 0;
          plan.rename = random.below(3) == 0;
          if (!plan.rename) continue;
          span.set_name("renamed");
          span.set_trace_state("");
          span.set_trace_id(std::string(16, '\x07'));
          span.set_parent_span_id("");
        }
      }
    }
    const ReferenceRequest expected =
        filtered(changed, [&](std::size_t i) { return !plans[i].drop; });
    TraceId id;
    id.bytes.fill(7);
    for (Batch& batch : forms_of(request, random)) {
      std::size_t number = 0;
      const Batch edited = edit_spans(std::move(batch), [&](SpanEditor& span) {
        const Plan& plan = plans[number++];
        for (const Change& change : plan.changes) change.apply(span.attributes());
        if (plan.drop) span.drop();
        if (!plan.rename) return;
        span.set_name("first");
        span.set_name("renamed");
        span.set_trace_state("");
        span.set_trace_id(id);
        span.set_parent_span_id({});
      });
      EXPECT_EQ(number, plans.size());
      if (parse_reference(edited).SerializeAsString() == request.SerializeAsString()) continue;
      expect_equal(edited, expected);
    }
  }
}

TEST(EditSpans, ShowsTheContextOfASpan) {
  std::size_t seen = 0;
  edit_spans(*Batch::from_wire(reference_bytes(3)), [&](SpanEditor& span) {
    EXPECT_EQ(span.span().name, "GET /cart");
    EXPECT_EQ(span.resource().find("service.name").as_string(), "shop");
    EXPECT_EQ(span.scope().name(), "reference");
    ++seen;
  });
  EXPECT_EQ(seen, 3U);
}

TEST(AttributeEditor, EncodedTextIsUtf8) {
  EXPECT_EQ(ValueView(encode_value("a\xFFz")).as_string(), "a?z");
}

}  // namespace
}  // namespace kernspan::otlp
