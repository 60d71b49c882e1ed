#include "gateway/stitch/announcement.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "gateway/stitch/intake.h"
#include "pipeline/otlp/span_index.h"
#include "tests/unit/gateway/stitch/stitch_story.h"

namespace kernspan::stitch {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(AnnouncementTest, ARequestWithoutMarksIsToldByItsBytes) {
  EXPECT_FALSE(may_have_marks(batch_of({{.trace = 1, .span = 1}})));
  EXPECT_TRUE(may_have_marks(batch_of({{.trace = 1, .span = 1}, {.trace = 2, .derived = true}})));
  EXPECT_TRUE(may_have_marks(batch_of({{.trace = 1, .span = 1, .calls = 2}})));
}

TEST(AnnouncementTest, MarksAreReadFromASpan) {
  const otlp::Batch batch = batch_of({{.trace = 1, .span = 1},
                                      {.trace = 2, .span = 2, .derived = true},
                                      {.trace = 1, .span = 3, .calls = 2}});
  const otlp::SpanIndex index(batch);
  EXPECT_FALSE(read_marks(index.bytes(0)).is_derived);
  EXPECT_EQ(read_marks(index.bytes(0)).peer_trace_id, "");
  EXPECT_TRUE(read_marks(index.bytes(1)).is_derived);
  EXPECT_EQ(read_marks(index.bytes(2)).peer_trace_id, trace_id(2).hex());
  EXPECT_FALSE(read_marks(index.bytes(2)).is_handed_over);
}

TEST(AnnouncementTest, TravelsAsASpanOfTheAnnouncedTrace) {
  const std::vector<Announcement> sent = {
      {.peer = trace_id(9),
       .trace = trace_id(4),
       .span = span_id(5),
       .trace_is_derived = true,
       .start_time_unix_ns = 10,
       .end_time_unix_ns = 20,
       .node = std::make_shared<const std::string>("node-a")},
      {.peer = trace_id(8), .trace = trace_id(3), .span = span_id(6)}};
  otlp::Batch batch = encode_announcements(sent);
  EXPECT_EQ(otlp::SpanIndex(batch).spans()[0].trace_id, trace_id(9));

  const Intake intake = sort_out(batch.clone(), true, false);
  EXPECT_EQ(intake.handed_over, 2U);
  EXPECT_TRUE(intake.plain.empty());
  EXPECT_TRUE(intake.derived.empty());
  ASSERT_EQ(intake.announcements.size(), 2U);
  const Announcement& first = intake.announcements[0];
  EXPECT_EQ(first.peer, trace_id(9));
  EXPECT_EQ(first.trace, trace_id(4));
  EXPECT_EQ(first.span, span_id(5));
  EXPECT_TRUE(first.trace_is_derived);
  EXPECT_EQ(first.start_time_unix_ns, 10U);
  EXPECT_EQ(first.end_time_unix_ns, 20U);
  ASSERT_NE(first.node, nullptr);
  EXPECT_EQ(*first.node, "node-a");
  EXPECT_FALSE(intake.announcements[1].trace_is_derived);
  EXPECT_EQ(intake.announcements[1].node, nullptr);

  EXPECT_EQ(sort_out(std::move(batch), false, false).plain.item_count(), 2U)
      << "only a peer hands over announcements: anybody else's are spans like others";
}

TEST(AnnouncementTest, OfNoTraceIdIsMalformed) {
  otlp::ReferenceRequest request = request_of({{.trace = 1, .span = 3, .calls = 2}});
  auto& span = *request.mutable_resource_spans(0)->mutable_scope_spans(0)->mutable_spans(0);
  for (const char* id : {"cafe", "00000000000000000000000000000000", "zz"}) {
    span.mutable_attributes(1)->mutable_value()->set_string_value(id);
    auto batch = otlp::Batch::from_wire(request.SerializeAsString());
    const Intake intake = sort_out(*std::move(batch), false, false);
    EXPECT_EQ(intake.malformed, 1U);
    EXPECT_THAT(intake.announcements, IsEmpty());
    EXPECT_THAT(texts_of(parsed(intake.plain)), ElementsAre("1/3"));
  }
}

// The traces would be joined, and the server's span would have no parent in the joined one.
TEST(AnnouncementTest, OfNoCallingSpanIsMalformed) {
  const std::vector<Announcement> sent = {{.peer = trace_id(9), .trace = trace_id(4), .span = {}}};
  const Intake intake = sort_out(encode_announcements(sent), true, false);
  EXPECT_EQ(intake.malformed, 1U);
  EXPECT_THAT(intake.announcements, IsEmpty());
}

TEST(AnnouncementTest, DerivedSpansKeepOnlyThemselvesInMemory) {
  std::vector<ToldSpan> spans(100, {.trace = 1, .span = 1});
  spans[50] = {.trace = 2, .span = 2, .derived = true};
  otlp::Batch batch = batch_of(spans);
  const auto owner = batch.slices().front().owner();
  const Intake intake = sort_out(std::move(batch), false, false);
  EXPECT_EQ(intake.plain.item_count(), 99U);
  ASSERT_EQ(intake.derived.item_count(), 1U);
  for (const otlp::Slice& slice : intake.derived.slices()) EXPECT_NE(slice.owner(), owner);
}

TEST(AnnouncementTest, ANodeIsCalledByTheFirstNameItHas) {
  otlp::ReferenceRequest request = otlp::reference_request(1);
  auto& resource = *request.mutable_resource_spans(0)->mutable_resource();
  const auto name = [&]() -> std::string {
    auto batch = otlp::Batch::from_wire(request.SerializeAsString());
    const otlp::SpanIndex index(*batch);
    const NodeName node = node_of(index.resource_of(0));
    return node ? *node : "(none)";
  };
  const auto add = [&](const char* key, const std::string& value) {
    auto& attribute = *resource.add_attributes();
    attribute.set_key(key);
    attribute.mutable_value()->set_string_value(value);
  };
  EXPECT_EQ(name(), "(none)");
  add("host.id", "id-1");
  EXPECT_EQ(name(), "id-1");
  add("host.name", "host-1");
  EXPECT_EQ(name(), "host-1");
  add("k8s.node.name", std::string(300, 'x'));
  EXPECT_EQ(name(), "host-1") << "no node has a name that long";
}

}  // namespace
}  // namespace kernspan::stitch
