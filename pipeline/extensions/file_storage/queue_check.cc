#include "pipeline/extensions/file_storage/queue_check.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "pipeline/extensions/file_storage/page_file.h"
#include "pipeline/extensions/file_storage/queue_record.h"
#include "pipeline/extensions/file_storage/tree_walk.h"

namespace kernspan::storage {
namespace {

constexpr std::uint16_t kIntegerKeys = 0x08;
// Of the tree of free pages only: LMDB keeps the flags of the environment there.
constexpr std::uint16_t kTreeFlags = 0xff;

Status check_meta(const PageFile& file, const FileMeta& meta, std::size_t index) {
  if (meta.last_page < 1 || meta.last_page >= file.page_count()) {
    return permanent(fmt::format("it should have {} pages of {} bytes and has {}",
                                 meta.last_page + 1, meta.page_bytes, file.page_count()));
  }
  if (meta.page_bytes > static_cast<std::uint32_t>(::sysconf(_SC_PAGESIZE))) {
    return permanent("it comes from a machine with larger pages");
  }
  // LMDB writes the next transaction into the meta whose turn it is: in the wrong order it would
  // overwrite the valid one.
  if (meta.transaction % 2 != index) return permanent("a meta page has another's transaction");
  if ((meta.free_pages.flags & kTreeFlags) != kIntegerKeys || meta.records.flags != 0 ||
      meta.records.pad != 0) {
    return permanent("a meta page describes another kind of file");
  }
  return {};
}

Status check_counts(const TreeWalk& walk, const TreeInfo& tree) {
  if (walk.branch_pages() == tree.branch_pages && walk.leaf_pages() == tree.leaf_pages &&
      walk.overflow_pages() == tree.overflow_pages && walk.entries() == tree.entries) {
    return {};
  }
  return permanent("a tree does not have the pages that its meta page counts");
}

// A list of page numbers: how many, then these from high to low.
class FreeList {
 public:
  FreeList(const PageFile& file, const PageNode& node) : file_(file), node_(node) {}

  Status check(TreeWalk& walk) {
    if (node_.value_bytes < sizeof(std::uint64_t) || node_.value_bytes % sizeof(std::uint64_t)) {
      return permanent("a list of free pages has an impossible size");
    }
    const std::uint64_t room = node_.value_bytes / sizeof(std::uint64_t) - 1;
    std::uint64_t count = 0;
    if (Status read = load(0, &count, 1); !read) return read;
    if (count > room) return permanent("a list of free pages is longer than its record");
    std::uint64_t previous = kNoPage;
    std::uint64_t pages[512];
    for (std::uint64_t done = 0; done < count;) {
      const std::uint64_t part = std::min<std::uint64_t>(count - done, std::size(pages));
      if (Status read = load(1 + done, pages, part); !read) return read;
      for (std::uint64_t i = 0; i < part; ++i) {
        if (pages[i] >= previous) return permanent("a list of free pages is not in order");
        previous = pages[i];
        if (Status claimed = walk.claim(pages[i]); !claimed) return claimed;
      }
      done += part;
    }
    return {};
  }

 private:
  Status load(std::uint64_t index, std::uint64_t* numbers, std::uint64_t count) const {
    const std::uint64_t offset = index * sizeof *numbers;
    const std::size_t bytes = count * sizeof *numbers;
    if (node_.overflow_page == 0) {
      std::memcpy(numbers, node_.value.data() + offset, bytes);
      return {};
    }
    const std::uint64_t start = node_.overflow_page * file_.page_bytes() + kPageHeaderBytes;
    return file_.read(start + offset, {reinterpret_cast<char*>(numbers), bytes});
  }

  const PageFile& file_;
  const PageNode& node_;
};

Status check_free_pages(const PageFile& file, const FileMeta& meta, std::vector<bool>& used) {
  TreeWalk walk(file, meta.free_pages, TreeWalk::Keys::kNumbers, used);
  const auto visit = [&](const PageNode& node) -> Status {
    std::uint64_t transaction = 0;
    if (node.key.size() == sizeof transaction) {
      std::memcpy(&transaction, node.key.data(), sizeof transaction);
    }
    if (transaction == 0 || transaction > meta.transaction) {
      return permanent("a list of free pages has an impossible transaction");
    }
    if (node.overflow_page != 0) {
      if (Status claimed = walk.claim_overflow(node); !claimed) return claimed;
    }
    return FreeList(file, node).check(walk);
  };
  if (Status walked = walk.run(visit); !walked) return walked;
  return check_counts(walk, meta.free_pages);
}

Result<CheckedQueue> check_records(const PageFile& file, const FileMeta& meta,
                                   std::vector<bool>& used) {
  CheckedQueue queue;
  TreeWalk walk(file, meta.records, TreeWalk::Keys::kBytes, used);
  const auto visit = [&](const PageNode& node) -> Status {
    const auto key = RecordKey::decode(node.key);
    if (!key || key->id <= queue.last_id || key->id > kMaxId ||
        node.value_bytes < kRecordHeaderBytes) {
      return permanent("a record is none of a queue");
    }
    if (node.overflow_page != 0) {
      if (Status claimed = walk.claim_overflow(node); !claimed) return claimed;
    }
    queue.last_id = key->id;
    ++queue.contents.records;
    queue.contents.items += key->items;
    queue.contents.bytes += node.value_bytes - kRecordHeaderBytes;
    return {};
  };
  if (Status walked = walk.run(visit); !walked) return std::unexpected(walked.error());
  if (Status counted = check_counts(walk, meta.records); !counted) {
    return std::unexpected(counted.error());
  }
  return queue;
}

}  // namespace

Result<CheckedQueue> check_queue_file(const std::string& path) {
  const auto file = PageFile::open(path);
  if (!file) return std::unexpected(file.error());
  const auto& metas = file->metas();
  if (!metas[0] || !metas[1]) return permanent("a meta page is damaged");
  // As LMDB chooses.
  const std::size_t index = metas[0]->transaction < metas[1]->transaction ? 1 : 0;
  const FileMeta& meta = *metas[index];
  if (Status checked = check_meta(*file, meta, index); !checked) {
    return std::unexpected(checked.error());
  }
  std::vector<bool> used(meta.last_page + 1);
  if (Status checked = check_free_pages(*file, meta, used); !checked) {
    return std::unexpected(checked.error());
  }
  return check_records(*file, meta, used);
}

}  // namespace kernspan::storage
