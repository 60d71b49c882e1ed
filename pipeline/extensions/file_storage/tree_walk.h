#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "pipeline/extensions/file_storage/page_file.h"

namespace kernspan::storage {

// Visits the leaf nodes of one tree of a file in the order of their keys, and checks on the way
// everything that LMDB relies on: that each page is where its parent says and used once, is whole,
// and holds keys in order and between those of its parent. One thread.
class TreeWalk {
 public:
  enum class Keys { kBytes, kNumbers };  // how they compare

  // `used` has a flag for each page of the file; pages of the tree are marked in it.
  TreeWalk(const PageFile& file, const TreeInfo& tree, Keys keys, std::vector<bool>& used)
      : file_(file), tree_(tree), keys_(keys), used_(used) {}

  // Whether a node is what it should be; the views live until it returns.
  using Visit = std::function<Status(const PageNode& node)>;
  // Told of damage; the walk goes on with what is not below it.
  using Damage = std::function<void(const Error& error)>;

  // Without `damage`, the first problem ends the walk; with it, only one of the root does.
  Status run(const Visit& visit, const Damage& damage = {});

  // Checks the overflow pages of a node's value, and marks them.
  Status claim_overflow(const PageNode& node);
  Status claim(std::uint64_t page);

  std::uint64_t branch_pages() const { return branch_pages_; }
  std::uint64_t leaf_pages() const { return leaf_pages_; }
  std::uint64_t overflow_pages() const { return overflow_pages_; }
  std::uint64_t entries() const { return entries_; }

 private:
  struct Frame {
    std::vector<char> bytes;
    TreePage page;
    std::size_t next = 0;
    std::optional<std::string> low;   // keys below are not less
    std::optional<std::string> high;  // keys below are less
  };

  Status descend(std::uint64_t number, std::optional<std::string> low,
                 std::optional<std::string> high);
  Status check_keys(const Frame& frame, std::uint64_t number) const;
  bool less(std::string_view one, std::string_view other) const;

  const PageFile& file_;
  const TreeInfo& tree_;
  const Keys keys_;
  std::vector<bool>& used_;
  std::vector<Frame> stack_;
  std::uint64_t branch_pages_ = 0;
  std::uint64_t leaf_pages_ = 0;
  std::uint64_t overflow_pages_ = 0;
  std::uint64_t entries_ = 0;
};

}  // namespace kernspan::storage
