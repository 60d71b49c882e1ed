// An LMDB file, read with plain reads and without trusting any of it. LMDB itself believes what its
// pages say: a damaged page makes it crash, or destroy what is still whole. So a file is checked
// before LMDB may map it (queue_check.h), and a damaged one is read by what is here (salvage.h).
//
// Format (version 1 of LMDB 0.9, 64 bits): pages of one size, numbered from 0. Pages 0 and 1 are
// metas: the one with the higher transaction is valid. Each names the roots of two B-trees: that of
// free pages (key: transaction, value: a list of page numbers) and that of the records. Values that
// do not fit a page lie in a run of overflow pages.
// Spec: MDB_page, MDB_meta, MDB_db and MDB_node in
// https://github.com/LMDB/lmdb/blob/LMDB_0.9.24/libraries/liblmdb/mdb.c
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan::storage {

inline constexpr std::size_t kPageHeaderBytes = 16;
inline constexpr std::uint64_t kNoPage = ~std::uint64_t{0};
inline constexpr std::uint64_t kFirstDataPage = 2;
inline constexpr std::uint16_t kMaxTreeDepth = 32;  // as LMDB's cursors

struct TreeInfo {
  std::uint32_t pad = 0;
  std::uint16_t flags = 0;
  std::uint16_t depth = 0;
  std::uint64_t branch_pages = 0;
  std::uint64_t leaf_pages = 0;
  std::uint64_t overflow_pages = 0;
  std::uint64_t entries = 0;
  std::uint64_t root = kNoPage;
};

struct FileMeta {
  std::uint32_t page_bytes = 0;
  TreeInfo free_pages;
  TreeInfo records;
  std::uint64_t last_page = 0;
  std::uint64_t transaction = 0;
};

struct PageNode {
  std::string_view key;
  std::uint64_t child = 0;          // branch pages
  std::uint64_t value_bytes = 0;    // leaf pages
  std::uint64_t overflow_page = 0;  // 0: the value is in the page
  std::string_view value = {};
};

// A branch or leaf page whose nodes lie where they can. Views into the bytes it was made of.
struct TreePage {
  bool is_leaf = false;
  std::vector<PageNode> nodes;
};

Result<TreePage> parse_tree_page(std::string_view bytes, std::uint64_t number);

// The nodes of what looks like a leaf page that lie within it, whatever else is wrong with it.
std::vector<PageNode> whole_leaf_nodes(std::string_view bytes);

// How many pages a value takes that does not fit a tree page.
constexpr std::uint64_t overflow_pages_of(std::uint64_t value_bytes, std::uint64_t page_bytes) {
  return (kPageHeaderBytes - 1 + value_bytes) / page_bytes + 1;
}

// What a page's header must say for a value of that size to lie in it and its successors.
bool is_overflow_header(std::span<const char, kPageHeaderBytes> header, std::uint64_t number,
                        std::uint64_t pages_min, std::uint64_t* pages);

// One thread.
class PageFile {
 public:
  static Result<PageFile> open(const std::string& path);
  PageFile(PageFile&& other) noexcept;
  PageFile& operator=(PageFile&&) = delete;
  ~PageFile();

  // Both metas; nothing for one that is damaged.
  const std::array<std::optional<FileMeta>, 2>& metas() const { return metas_; }
  // Of a meta, else the size that every file of this machine has.
  std::uint32_t page_bytes() const { return page_bytes_; }
  std::uint64_t page_count() const { return file_bytes_ / page_bytes_; }  // whole ones

  Status read(std::uint64_t offset, std::span<char> bytes) const;
  Status read_page(std::uint64_t number, std::vector<char>& bytes) const;

 private:
  PageFile() = default;
  std::optional<FileMeta> read_meta(std::uint64_t offset, std::uint64_t number) const;

  int fd_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::uint32_t page_bytes_ = 0;
  std::array<std::optional<FileMeta>, 2> metas_;
};

}  // namespace kernspan::storage
