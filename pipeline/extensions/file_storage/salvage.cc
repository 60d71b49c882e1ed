#include "pipeline/extensions/file_storage/salvage.h"

#include <algorithm>
#include <array>
#include <optional>
#include <unordered_set>
#include <utility>
#include <vector>

#include "pipeline/extensions/file_storage/page_file.h"
#include "pipeline/extensions/file_storage/tree_walk.h"

namespace kernspan::storage {
namespace {

using Sink = std::function<Status(const RecordKey& key, std::string_view value)>;

// One thread, one file.
class Salvage {
 public:
  Salvage(const PageFile& file, const Sink& sink) : file_(file), sink_(sink) {}

  Result<SalvageReport> run() {
    const FileMeta* meta = newest_meta();
    bool whole = false;
    if (meta != nullptr) whole = walk_tree(*meta);
    if (!failure_ && !whole) scan_pages();
    if (failure_) return std::unexpected(*failure_);
    if (meta != nullptr) {
      const std::uint64_t found = report_.saved_records + report_.damaged_records;
      // A damaged count says nothing; no page holds more than this many records.
      const std::uint64_t most = file_.page_count() * file_.page_bytes() / kRecordHeaderBytes;
      const std::uint64_t counted = std::min(meta->records.entries, most);
      report_.missing_records = counted > found ? counted - found : 0;
    }
    return report_;
  }

 private:
  const FileMeta* newest_meta() const {
    const FileMeta* newest = nullptr;
    for (const auto& meta : file_.metas()) {
      if (meta && (newest == nullptr || meta->transaction > newest->transaction)) newest = &*meta;
    }
    return newest;
  }

  // Whether all of the tree could be read.
  bool walk_tree(const FileMeta& meta) {
    bool whole = true;
    std::vector<bool> used(file_.page_count());
    TreeWalk walk(file_, meta.records, TreeWalk::Keys::kBytes, used);
    const auto visit = [&](const PageNode& node) -> Status {
      if (!failure_) take(node);
      return {};
    };
    const Status walked = walk.run(visit, [&](const Error&) { whole = false; });
    return walked && whole;
  }

  void scan_pages() {
    report_.may_repeat = true;
    // What was removed was mostly older than what was left.
    const std::uint64_t oldest = oldest_id_;
    std::vector<char> bytes;
    for (std::uint64_t number = kFirstDataPage; number < file_.page_count(); ++number) {
      if (!file_.read_page(number, bytes)) continue;
      // Records have checksums of their own: what else the page says does not matter.
      for (const PageNode& node : whole_leaf_nodes({bytes.data(), bytes.size()})) {
        const auto key = RecordKey::decode(node.key);
        if (key && key->id >= oldest && !failure_) take(node);
      }
    }
  }

  void take(const PageNode& node) {
    const auto key = RecordKey::decode(node.key);
    if (!key || key->id == 0 || key->id > kMaxId || found_.contains(key->id)) return;
    const auto value = value_of(node);
    if (!value || !check_record(*key, *value)) {
      // A copy of the record may be whole: pages are not overwritten at once.
      if (damaged_.insert(key->id).second) {
        ++report_.damaged_records;
        report_.damaged_items += key->items;
      }
      return;
    }
    if (Status taken = sink_(*key, *value); !taken) {
      failure_ = taken.error();
      return;
    }
    if (damaged_.erase(key->id) != 0) {
      --report_.damaged_records;
      report_.damaged_items -= std::min<std::uint64_t>(report_.damaged_items, key->items);
    }
    found_.insert(key->id);
    if (oldest_id_ == 0 || key->id < oldest_id_) oldest_id_ = key->id;
    ++report_.saved_records;
    report_.saved_items += key->items;
  }

  std::optional<std::string_view> value_of(const PageNode& node) {
    if (node.overflow_page == 0) return node.value;
    if (node.value_bytes > kRecordHeaderBytes + kMaxRequestBytes) return std::nullopt;
    // The run of pages is not checked: the checksum is.
    const std::uint64_t offset = node.overflow_page * file_.page_bytes() + kPageHeaderBytes;
    if (node.overflow_page >= file_.page_count() ||
        node.value_bytes > file_.page_count() * file_.page_bytes() - offset) {
      return std::nullopt;
    }
    buffer_.resize(node.value_bytes);
    if (!file_.read(offset, buffer_)) return std::nullopt;
    return std::string_view(buffer_.data(), buffer_.size());
  }

  const PageFile& file_;
  const Sink& sink_;
  SalvageReport report_;
  std::optional<Error> failure_;
  std::unordered_set<std::uint64_t> found_;
  std::unordered_set<std::uint64_t> damaged_;
  std::uint64_t oldest_id_ = 0;
  std::vector<char> buffer_;
};

}  // namespace

Result<SalvageReport> salvage_queue_file(const std::string& path, const Sink& sink) {
  const auto file = PageFile::open(path);
  if (!file) return std::unexpected(file.error());
  return Salvage(*file, sink).run();
}

}  // namespace kernspan::storage
