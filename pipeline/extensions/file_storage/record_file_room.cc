// How a RecordFile gets room, and what it does when there is none.
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>

#include "pipeline/extensions/file_storage/lmdb_handles.h"
#include "pipeline/extensions/file_storage/page_file.h"
#include "pipeline/extensions/file_storage/record_file.h"

namespace kernspan::storage {
namespace {

// On a full disk: few enough for the reserve, whatever pages they lie on.
constexpr std::size_t kRemovalsWhenFull = 64;
// More at a time costs fewer calls, less leaves more to others.
constexpr std::uint64_t kMaxGrowthBytes = std::uint64_t{64} << 20;

}  // namespace

bool RecordFile::is_worn() const {
  return used_bytes() + kReserveBytes / 2 > allocated_bytes_;
}

bool RecordFile::allocate(std::uint64_t bytes) {
  int code = 0;
  do {
    code = ::fallocate(fd_, 0, 0, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  } while (code == EINTR);
  // A file system that cannot reserve: the file is at least as long as its map.
  if (code == EOPNOTSUPP) {
    code =
        bytes <= allocated_bytes_ || ::ftruncate(fd_, static_cast<off_t>(bytes)) == 0 ? 0 : errno;
  }
  errno = code;
  if (code != 0) {
    struct stat status = {};
    // Of a failed attempt the file may have become longer, but not solid.
    if (::fstat(fd_, &status) == 0 &&
        static_cast<std::uint64_t>(status.st_size) > allocated_bytes_) {
      static_cast<void>(::ftruncate(fd_, static_cast<off_t>(allocated_bytes_)));
    }
    return false;
  }
  allocated_bytes_ = std::max(allocated_bytes_, bytes);
  return true;
}

void RecordFile::make_room(std::span<const RecordToAppend> records) {
  std::uint64_t pages = kPagesPerCommit + records.size();
  for (const RecordToAppend& record : records) {
    pages += overflow_pages_of(value_bytes(*record.batch), page_bytes_);
  }
  const std::uint64_t needed = used_bytes() + pages * page_bytes_ + kReserveBytes;
  if (needed <= allocated_bytes_) return;
  const std::uint64_t growth = std::min(kMaxGrowthBytes, allocated_bytes_ / 2);
  const std::uint64_t wanted = std::min(std::max(needed, allocated_bytes_ + growth),
                                        std::max(settings_.max_bytes, allocated_bytes_));
  const bool allowed = needed <= wanted;
  // When there is no room for growth, then for what it takes. Without it the records may still fit
  // into pages that are free.
  if (allowed && (allocate(wanted) || (needed < wanted && allocate(needed)))) return;
  why_full_ = allowed ? fmt::format("the disk is full ({})", std::strerror(errno))
                      : fmt::format("max_size, {} MiB, is reached", settings_.max_bytes >> 20);
}

// Whether removals still have room when these records are in: behind the last page, or on free
// pages.
bool RecordFile::leaves_reserve(std::span<const RecordToAppend> records) const {
  if (!is_worn()) return true;
  std::uint64_t bytes = kReserveBytes;
  for (const RecordToAppend& record : records) {
    bytes += page_bytes_ + value_bytes(*record.batch);
  }
  return free_bytes() >= bytes;
}

std::uint64_t RecordFile::free_bytes() const {
  constexpr MDB_dbi kFreePages = 0;
  Transaction transaction(environment_, MDB_RDONLY);
  if (transaction.code() != 0) return 0;
  Cursor cursor(transaction.get(), kFreePages);
  std::uint64_t pages = 0;
  MDB_val key = {};
  MDB_val list = {};
  while (cursor.code() == 0 && mdb_cursor_get(cursor.get(), &key, &list, MDB_NEXT) == 0) {
    std::uint64_t count = 0;
    std::memcpy(&count, list.mv_data, sizeof count);
    pages += count;
  }
  return pages * page_bytes_;
}

int RecordFile::set_map(std::uint64_t bytes) {
  bytes = std::max(bytes, used_bytes());
  bytes -= bytes % page_bytes_;
  if (bytes == map_bytes_) return 0;
  const std::unique_lock alone(readers_);
  map_ = nullptr;
  const int code = mdb_env_set_mapsize(environment_, bytes);
  if (code == 0) {
    map_bytes_ = bytes;
  } else {
    broken_ = true;  // without a map
  }
  return code;
}

// First what gives room back, with the reserve; then as many records as leave it.
int RecordFile::commit_when_full(std::span<const RecordToAppend> records,
                                 std::span<const std::uint64_t> removals, std::uint64_t limit,
                                 CommitOutcome* outcome) {
  int code = set_map(allocated_bytes_);
  while (code == 0 && outcome->removed < removals.size()) {
    const auto left = removals.subspan(outcome->removed);
    const auto some = left.first(std::min(kRemovalsWhenFull, left.size()));
    std::size_t none = 0;
    code = transact({}, some, &none);
    if (code == 0) outcome->removed += some.size();
  }
  if (code == 0 && !records.empty()) code = ripen();
  if (code == 0) code = set_map(limit);
  std::size_t fitting = records.size();
  while (code == 0 && fitting != 0) {
    const std::size_t tried = fitting;
    if (!leaves_reserve(records.first(tried))) {
      fitting = tried / 2;
      continue;
    }
    code = transact(records.first(tried), {}, &fitting);
    if (code == 0) {
      outcome->appended = tried;
      break;
    }
    if (!is_full(code)) break;
    // It was the commit itself that did not fit.
    if (fitting >= tried) fitting = tried / 2;
    code = 0;
  }
  return code;
}

// LMDB reuses pages only two transactions after the one that freed them. When everything is refused
// there are no others.
int RecordFile::ripen() {
  for (; unripe_ > 0; --unripe_) {
    const std::unique_lock alone(readers_);
    Transaction transaction(environment_, 0);
    if (transaction.code() != 0) return transaction.code();
    const auto key_bytes = RecordKey{}.encode();
    MDB_val key = as_value(key_bytes);
    MDB_val value = as_value(key_bytes);
    int code = mdb_put(transaction.get(), records_, &key, &value, 0);
    if (code == 0) code = mdb_del(transaction.get(), records_, &key, nullptr);
    if (code == 0) code = transaction.commit();
    if (code != 0) return code;
  }
  return 0;
}

}  // namespace kernspan::storage
