// The records of one queue in an LMDB environment, of one file and without LMDB's lock file: the
// queue's own lock (queue_lock.h) keeps other processes away.
//
// The disk is asked for room before LMDB needs it. The file is kept longer than what is in use by a
// reserve that only removals may take, because LMDB writes new pages for everything, and what a
// full disk needs most is to remove records. The map is never longer than the file: no access to it
// can end behind the file's end.
#pragma once

#include <lmdb.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <utility>

#include "pipeline/base/error.h"
#include "pipeline/extensions/file_storage/queue_record.h"

namespace kernspan::storage {

struct RecordFileSettings {
  std::string path;
  std::uint64_t max_bytes = std::uint64_t{16} << 30;
  bool sync = true;  // every commit is on disk when it returns
};

// What commit() made of its input.
struct CommitOutcome {
  std::size_t appended = 0;                 // that many, from the first
  std::size_t removed = 0;                  // that many, from the first
  std::optional<std::string> problem = {};  // why not all
};

struct RecordToAppend {
  RecordKey key;
  const otlp::Batch* batch;
};

// One thread commits; another reads. All others only ask.
class RecordFile {
 public:
  // How much of the file only removals may use.
  static constexpr std::uint64_t kReserveBytes = std::uint64_t{4} << 20;
  static constexpr std::uint64_t kMinBytes = 2 * kReserveBytes;

  // The file must have passed check_queue_file(); a missing one is made.
  static Result<std::unique_ptr<RecordFile>> open(RecordFileSettings settings);
  // Makes an empty file, durably and all at once; `path` must not exist.
  static Status create(const std::string& path);
  ~RecordFile();

  // In one transaction, or when there is no room: first the removals, then as many of the new
  // records as fit. Ids ascend.
  CommitOutcome commit(std::span<const RecordToAppend> records,
                       std::span<const std::uint64_t> removals);

  // Adds a record as it is, for salvage.
  Status put(std::span<const std::pair<RecordKey, std::string>> records);

  struct Found {
    RecordKey key;
    std::string value;
  };
  // The first record with a higher id. An error leaves the key in `*damaged` when only the value
  // cannot be read.
  Result<std::optional<Found>> read_after(std::uint64_t id, std::optional<RecordKey>* unreadable);

  // Puts on disk what was written, when `sync` is off and for a new file.
  Status sync();

  // Writes a copy without free pages to `path`, durably.
  Status copy_to(const std::string& path);

  std::uint64_t file_bytes() const { return allocated_bytes_; }
  // Removals have used up much of the reserve; a compaction restores it.
  bool is_worn() const;
  // LMDB gave up this environment: it must be opened again.
  bool is_broken() const { return broken_; }

 private:
  // Of the tree and of the list of free pages that a commit writes anew.
  static constexpr std::uint64_t kPagesPerCommit = 64;

  explicit RecordFile(RecordFileSettings settings) : settings_(std::move(settings)) {}

  Status open_environment();
  bool allocate(std::uint64_t bytes);
  bool leaves_reserve(std::span<const RecordToAppend> records) const;
  std::uint64_t free_bytes() const;
  void make_room(std::span<const RecordToAppend> records);
  int set_map(std::uint64_t bytes);
  int transact(std::span<const RecordToAppend> records, std::span<const std::uint64_t> removals,
               std::size_t* fitting);
  int commit_when_full(std::span<const RecordToAppend> records,
                       std::span<const std::uint64_t> removals, std::uint64_t limit,
                       CommitOutcome* outcome);
  int ripen();
  int remove(MDB_cursor* cursor, std::uint64_t id);
  std::uint64_t used_bytes() const;
  bool has_own_pages(const MDB_val& value) const;
  std::uint64_t offset_of(const MDB_val& value);

  const RecordFileSettings settings_;
  std::string why_full_;  // the last time that the file could not grow
  MDB_env* environment_ = nullptr;
  MDB_dbi records_ = 0;
  int fd_ = -1;  // for what LMDB does not do: allocating, and reading without the map
  std::uint32_t page_bytes_ = 0;
  std::uint64_t allocated_bytes_ = 0;
  std::uint64_t map_bytes_ = 0;
  std::atomic<const char*> map_ = nullptr;  // where it begins; null: not known yet
  bool broken_ = false;
  int unripe_ = 0;  // transactions until what was removed last can be reused
  // Held shared while reading. Taken alone before each transaction, so that no reader is older than
  // the state it begins with, and while the map moves.
  std::shared_mutex readers_;
};

}  // namespace kernspan::storage
