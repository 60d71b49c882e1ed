#include "pipeline/processors/tail_sampling/buffer_pool.h"

#include <gtest/gtest.h>

#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace kernspan::sampling {
namespace {

constexpr std::size_t kMib = 1 << 20;

std::shared_ptr<BufferPool> make_pool(std::size_t idle_bytes) {
  return std::make_shared<BufferPool>(
      BufferPool::IdleBounds{.always = idle_bytes, .never_more = idle_bytes});
}

otlp::Slice copy(BufferPool& pool, std::string bytes) {
  return pool.copy(otlp::Batch::from_encoder(std::move(bytes), 1));
}

TEST(BufferPool, CopiesABatchIntoOnePiece) {
  const auto pool = make_pool(kMib);
  otlp::Batch batch = otlp::Batch::from_encoder(std::string(100'000, 'a'), 1);
  batch.append(otlp::Batch::from_encoder(std::string(50'000, 'b'), 1));
  EXPECT_EQ(pool->copy(batch).view(), std::string(100'000, 'a') + std::string(50'000, 'b'));
}

TEST(BufferPool, UsesAgainWhatIsFree) {
  const auto pool = make_pool(BufferPool::kRegionBytes);
  std::vector<otlp::Slice> slices;
  while (pool->mapped_bytes() <= BufferPool::kRegionBytes) {
    slices.push_back(copy(*pool, std::string(100'000, 'a')));
  }
  const std::size_t mapped = pool->mapped_bytes();
  for (int i = 0; i < 1000; ++i) {
    slices[static_cast<std::size_t>(i) % slices.size()] = {};
    slices[static_cast<std::size_t>(i) % slices.size()] = copy(*pool, std::string(90'000, 'b'));
  }
  EXPECT_EQ(pool->mapped_bytes(), mapped);
  // Neighbours that are free are one gap, whatever the order in which they became so.
  for (std::size_t i = 0; i < slices.size(); i += 2) slices[i] = {};
  slices.clear();
  const otlp::Slice large = copy(*pool, std::string(BufferPool::kRegionBytes, 'c'));
  EXPECT_EQ(pool->mapped_bytes(), mapped);
}

TEST(BufferPool, KeepsNoMoreThanItMay) {
  const auto pool = make_pool(2 * kMib);
  std::vector<otlp::Slice> slices;
  for (int i = 0; i < 100; ++i) slices.push_back(copy(*pool, std::string(kMib, 'a')));
  EXPECT_GE(pool->mapped_bytes(), 100 * kMib);
  // Each second one stays: no region is free, and still it is the kernel's what is in no buffer.
  for (std::size_t i = 0; i < slices.size(); i += 2) {
    slices[i] = {};
    EXPECT_LE(pool->idle_bytes(), 2 * kMib);
  }
  for (std::size_t i = 1; i < slices.size(); i += 2) {
    EXPECT_EQ(slices[i].view(), std::string(kMib, 'a'));
  }
  slices.clear();
  EXPECT_LE(pool->idle_bytes(), 2 * kMib);
  EXPECT_LE(pool->mapped_bytes(), BufferPool::kRegionBytes);
}

TEST(BufferPool, KeepsMoreTheMoreIsInUse) {
  const auto pool =
      std::make_shared<BufferPool>(BufferPool::IdleBounds{.always = kMib, .never_more = 3 * kMib});
  std::vector<otlp::Slice> slices;
  for (int i = 0; i < 64; ++i) slices.push_back(copy(*pool, std::string(kMib, 'a')));
  // One by one, with a neighbour that stays.
  const auto idle_after_freeing = [&](std::size_t first, std::size_t last) {
    for (std::size_t i = first; i < last; i += 2) slices[i] = {};
    return pool->idle_bytes();
  };
  EXPECT_EQ(idle_after_freeing(0, 8), 3 * kMib);  // 60 MiB are in use
  slices.clear();
  EXPECT_LE(pool->idle_bytes(), kMib);
}

TEST(BufferPool, TakesWhatIsThereBeforeWhatIsNot) {
  const auto pool = make_pool(kMib);
  std::vector<otlp::Slice> slices;
  for (int i = 0; i < 20; ++i) slices.push_back(copy(*pool, std::string(kMib, 'a')));
  slices[2] = {};  // stays
  slices[6] = {};  // goes
  EXPECT_EQ(pool->idle_bytes(), kMib);
  slices[6] = copy(*pool, std::string(kMib, 'b'));
  EXPECT_EQ(pool->idle_bytes(), 0U);
}

TEST(BufferPool, HasRoomForMoreThanARegion) {
  const auto pool = make_pool(0);
  const std::string bytes(BufferPool::kRegionBytes + 1, 'a');
  otlp::Slice slice = copy(*pool, bytes);
  EXPECT_EQ(slice.view(), bytes);
  slice = {};
  EXPECT_EQ(pool->mapped_bytes(), 0U);
}

TEST(BufferPool, OutlivesItsOwnerWithTheLastBuffer) {
  auto pool = make_pool(kMib);
  const otlp::Slice slice = copy(*pool, std::string(kMib, 'a'));
  pool.reset();
  EXPECT_EQ(slice.view(), std::string(kMib, 'a'));
}

TEST(BufferPool, KeepsBuffersApart) {
  constexpr std::uint32_t kSeed = 5;
  std::mt19937 random(kSeed);
  const auto pool = make_pool(4 * kMib);
  std::vector<std::pair<otlp::Slice, std::string>> held(60);
  for (int i = 0; i < 2000; ++i) {
    auto& [slice, expected] = held[random() % held.size()];
    ASSERT_EQ(slice.view(), expected);
    slice = {};
    expected.assign(BufferPool::kSmallest + random() % (2 * kMib),
                    static_cast<char>('a' + random() % 26));
    slice = copy(*pool, expected);
    ASSERT_LE(pool->idle_bytes(), 4 * kMib);
  }
  for (const auto& [slice, expected] : held) EXPECT_EQ(slice.view(), expected);
}

}  // namespace
}  // namespace kernspan::sampling
