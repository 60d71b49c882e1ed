#include "pipeline/extensions/file_storage/tree_walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace kernspan::storage {

bool TreeWalk::less(std::string_view one, std::string_view other) const {
  if (keys_ == Keys::kBytes) return one < other;
  std::uint64_t numbers[2] = {0, 0};
  std::memcpy(&numbers[0], one.data(), std::min(one.size(), sizeof numbers[0]));
  std::memcpy(&numbers[1], other.data(), std::min(other.size(), sizeof numbers[1]));
  return numbers[0] < numbers[1];
}

Status TreeWalk::check_keys(const Frame& frame, std::uint64_t number) const {
  // The first key of a branch page stands for "anything less", whatever it is.
  const std::size_t first = frame.page.is_leaf ? 0 : 1;
  for (std::size_t i = first; i < frame.page.nodes.size(); ++i) {
    const std::string_view key = frame.page.nodes[i].key;
    if (keys_ == Keys::kNumbers && key.size() != sizeof(std::uint64_t)) {
      return permanent(fmt::format("page {} has a key that is no number", number));
    }
    const bool in_order = i == first || less(frame.page.nodes[i - 1].key, key);
    const bool in_bounds =
        (!frame.low || !less(key, *frame.low)) && (!frame.high || less(key, *frame.high));
    if (!in_order || !in_bounds) {
      return permanent(fmt::format("page {} has keys out of order", number));
    }
  }
  return {};
}

Status TreeWalk::claim(std::uint64_t page) {
  if (page < kFirstDataPage || page >= used_.size()) {
    return permanent(fmt::format("page {} does not exist", page));
  }
  if (used_[page]) return permanent(fmt::format("page {} is used twice", page));
  used_[page] = true;
  return {};
}

Status TreeWalk::claim_overflow(const PageNode& node) {
  const std::uint64_t first = node.overflow_page;
  std::array<char, kPageHeaderBytes> header;
  if (Status read = file_.read(first * file_.page_bytes(), header); !read) return read;
  std::uint64_t pages = 0;
  const std::uint64_t needed = overflow_pages_of(node.value_bytes, file_.page_bytes());
  if (first >= used_.size() || !is_overflow_header(header, first, needed, &pages) ||
      pages > used_.size() - first) {
    return permanent(fmt::format("page {} does not hold the value that it should", first));
  }
  for (std::uint64_t page = first; page < first + pages; ++page) {
    if (Status claimed = claim(page); !claimed) return claimed;
  }
  overflow_pages_ += pages;
  return {};
}

Status TreeWalk::descend(std::uint64_t number, std::optional<std::string> low,
                         std::optional<std::string> high) {
  if (stack_.size() >= tree_.depth) {
    return permanent(fmt::format("page {} is deeper than its tree", number));
  }
  if (Status claimed = claim(number); !claimed) return claimed;
  Frame frame{.bytes = {}, .page = {}, .low = std::move(low), .high = std::move(high)};
  if (Status read = file_.read_page(number, frame.bytes); !read) return read;
  auto page = parse_tree_page({frame.bytes.data(), frame.bytes.size()}, number);
  if (!page) return std::unexpected(page.error());
  frame.page = *std::move(page);
  if (frame.page.is_leaf != (stack_.size() + 1 == tree_.depth)) {
    return permanent(fmt::format("page {} is not as deep as its tree", number));
  }
  if (Status checked = check_keys(frame, number); !checked) return checked;
  ++(frame.page.is_leaf ? leaf_pages_ : branch_pages_);
  stack_.push_back(std::move(frame));
  return {};
}

Status TreeWalk::run(const Visit& visit, const Damage& damage) {
  if (tree_.root == kNoPage && tree_.depth == 0) return {};
  if (tree_.depth == 0 || tree_.depth > kMaxTreeDepth) return permanent("a tree has no depth");
  if (Status began = descend(tree_.root, {}, {}); !began) return began;
  while (!stack_.empty()) {
    Frame& frame = stack_.back();
    if (frame.next == frame.page.nodes.size()) {
      stack_.pop_back();
      continue;
    }
    const std::size_t index = frame.next++;
    const PageNode& node = frame.page.nodes[index];
    Status outcome;
    if (frame.page.is_leaf) {
      ++entries_;
      outcome = visit(node);
    } else {
      std::optional<std::string> low = index == 0 ? frame.low : std::string(node.key);
      std::optional<std::string> high = frame.high;
      if (index + 1 < frame.page.nodes.size()) high = frame.page.nodes[index + 1].key;
      outcome = descend(node.child, std::move(low), std::move(high));
    }
    if (outcome) continue;
    if (!damage) return outcome;
    damage(outcome.error());
  }
  return {};
}

}  // namespace kernspan::storage
