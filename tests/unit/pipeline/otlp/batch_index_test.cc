// The index that rides with a batch is that of the batch's bytes, whatever was done with it.
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/resource_edit.h"
#include "pipeline/otlp/span_edit.h"
#include "pipeline/otlp/span_filter.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/otlp/split.h"
#include "tests/unit/pipeline/otlp/random_request.h"

namespace kernspan::otlp {
namespace {

Batch random_batch(std::uint64_t seed) {
  auto batch = Batch::from_wire(RandomRequest(seed).make().SerializeAsString());
  EXPECT_TRUE(batch) << batch.error().message;
  return *std::move(batch);
}

// With its index, made before anything is done with it.
Batch indexed_batch(std::uint64_t seed) {
  Batch batch = random_batch(seed);
  EXPECT_EQ(batch.index()->size(), batch.item_count());
  return batch;
}

void expect_right(Batch& batch) {
  auto fresh = Batch::from_wire(joined_bytes(batch));
  ASSERT_TRUE(fresh) << fresh.error().message;
  const SpanIndex expected(*fresh);
  const SpanIndex& riding = *batch.index();
  ASSERT_EQ(riding.size(), batch.item_count());
  ASSERT_EQ(riding.size(), expected.size());
  for (std::size_t i = 0; i < riding.size(); ++i) {
    EXPECT_EQ(riding.spans()[i].trace_id, expected.spans()[i].trace_id);
    EXPECT_EQ(riding.spans()[i].span_id, expected.spans()[i].span_id);
    EXPECT_EQ(riding.bytes(i), expected.bytes(i));
    EXPECT_EQ(riding.resource_of(i).bytes(), expected.resource_of(i).bytes());
    EXPECT_EQ(riding.scope_of(i).name(), expected.scope_of(i).name());
  }
}

TEST(BatchIndex, IsMadeOnceAndSharedByClones) {
  Batch batch = random_batch(1);
  const SpanIndex* const made = batch.index().get();
  EXPECT_EQ(batch.index().get(), made);
  Batch copy = batch.clone();
  EXPECT_EQ(copy.index().get(), made);
  Batch moved = std::move(batch);
  EXPECT_EQ(moved.index().get(), made);
  expect_right(moved);
}

TEST(BatchIndex, LeavesWithDropIndex) {
  Batch batch = random_batch(1);
  const std::weak_ptr<const SpanIndex> made = batch.index();
  EXPECT_FALSE(made.expired());
  batch.drop_index();
  EXPECT_TRUE(made.expired());
  expect_right(batch);
}

TEST(BatchIndex, IsMadeAnewAfterAppend) {
  for (std::uint64_t seed = 0; seed < 30; ++seed) {
    SCOPED_TRACE(seed);
    Batch batch = indexed_batch(seed);
    Batch other = indexed_batch(seed + 100);
    const std::weak_ptr<const SpanIndex> first = batch.index();
    const std::weak_ptr<const SpanIndex> second = other.index();
    const std::size_t spans = batch.item_count() + other.item_count();
    batch.append(std::move(other));
    EXPECT_TRUE(first.expired());
    EXPECT_TRUE(second.expired());
    EXPECT_EQ(batch.index()->size(), spans);
    expect_right(batch);
    Batch empty;
    EXPECT_EQ(empty.index()->size(), 0U);
    empty.append(std::move(batch));
    EXPECT_EQ(empty.index()->size(), spans);
    expect_right(empty);
  }
}

TEST(BatchIndex, IsRightAfterEdits) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    std::size_t turn = seed;
    const std::string value = encode_value("value");
    Batch resources = edit_resources(indexed_batch(seed), [&](AttributeEditor& resource) {
      if (turn++ % 2 == 0) resource.upsert("key.1", value);
    });
    expect_right(resources);
    Batch spans = edit_spans(indexed_batch(seed), [&](SpanEditor& span) {
      if (turn++ % 3 == 0) span.drop();
      if (turn % 3 == 1) span.set_name("another, and longer than it was before");
    });
    expect_right(spans);
    const auto keep_some = [&](const SpanIndex&, std::size_t) { return turn++ % 3 != 0; };
    Batch kept = filter_spans(indexed_batch(seed), keep_some);
    expect_right(kept);
    Batch all = filter_spans(indexed_batch(seed), [](auto&&, std::size_t) { return true; });
    expect_right(all);
  }
}

TEST(BatchIndex, IsRightInTheParts) {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    SCOPED_TRACE(seed);
    const Batch batch = indexed_batch(seed);
    for (const std::size_t spans : {1, 2, 5, 1'000}) {
      for (Batch& part : split(batch.clone(), spans)) expect_right(part);
    }
    for (const std::size_t bytes : {1, 500, 1'000'000}) {
      for (Batch& part : split_by_bytes(batch.clone(), bytes).batches) expect_right(part);
    }
    Batch merged;
    for (TracePart& part : split_by_trace(batch)) {
      expect_right(part.batch);
      merged.append(std::move(part.batch));
      expect_right(merged);
    }
    EXPECT_EQ(merged.item_count(), batch.item_count());
  }
}

}  // namespace
}  // namespace kernspan::otlp
