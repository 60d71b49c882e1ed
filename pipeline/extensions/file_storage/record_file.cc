#include "pipeline/extensions/file_storage/record_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/extensions/file_storage/lmdb_handles.h"
#include "pipeline/extensions/file_storage/page_file.h"

namespace kernspan::storage {
namespace {

constexpr mdb_mode_t kFileMode = 0600;
constexpr unsigned kFlags = MDB_NOSUBDIR | MDB_NOLOCK | MDB_NOTLS | MDB_NORDAHEAD;

std::string_view view(const MDB_val& value) {
  return {static_cast<const char*>(value.mv_data), value.mv_size};
}

std::uint64_t id_of(const MDB_val& key) {
  const auto decoded = RecordKey::decode(view(key));
  return decoded ? decoded->id : 0;
}

}  // namespace

Result<std::unique_ptr<RecordFile>> RecordFile::open(RecordFileSettings settings) {
  std::unique_ptr<RecordFile> file(new RecordFile(std::move(settings)));
  if (Status opened = file->open_environment(); !opened) return std::unexpected(opened.error());
  return file;
}

Status RecordFile::open_environment() {
  const auto failed = [&](int code) {
    return permanent(fmt::format("cannot open {}: {}", settings_.path, describe(code)));
  };
  fd_ = ::open(settings_.path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kFileMode);
  struct stat status = {};
  if (fd_ < 0 || ::fstat(fd_, &status) != 0) return failed(errno);
  const auto file_bytes = static_cast<std::uint64_t>(status.st_size);

  if (const int code = mdb_env_create(&environment_)) return failed(code);
  const unsigned flags = kFlags | (settings_.sync ? 0U : MDB_NOSYNC);
  // The map of a new file cannot be shorter than this; it is set right below.
  map_bytes_ = std::max(file_bytes, std::uint64_t{1} << 20);
  int code = mdb_env_set_mapsize(environment_, map_bytes_);
  if (code == 0) code = mdb_env_open(environment_, settings_.path.c_str(), flags, kFileMode);
  if (code != 0) return failed(code);
  MDB_stat stat = {};
  mdb_env_stat(environment_, &stat);
  page_bytes_ = stat.ms_psize;
  {
    Transaction transaction(environment_, MDB_RDONLY);
    code = transaction.code();
    if (code == 0) code = mdb_dbi_open(transaction.get(), nullptr, 0, &records_);
    // Keeps the handle.
    if (code == 0) code = transaction.commit();
    if (code != 0) return failed(code);
  }
  allocated_bytes_ = std::max<std::uint64_t>(file_bytes, used_bytes());
  // A file that was copied may have holes, which a full disk would not fill.
  const std::uint64_t wanted = std::max(allocated_bytes_, used_bytes() + kReserveBytes);
  if (!allocate(wanted)) {
    log_warn("{}: the disk has no room for the reserve of {} MiB ({}); new data may be refused",
             settings_.path, kReserveBytes >> 20, std::strerror(errno));
  }
  if (allocated_bytes_ < used_bytes()) return failed(ENOSPC);
  if (code = set_map(allocated_bytes_); code != 0) return failed(code);
  return {};
}

Status RecordFile::create(const std::string& path) {
  const std::string unfinished = path + ".new";
  ::unlink(unfinished.c_str());
  {
    auto file = open({.path = unfinished, .max_bytes = kMinBytes, .sync = true});
    if (!file) return std::unexpected(file.error());
    if (Status synced = (*file)->sync(); !synced) return synced;
  }
  if (::rename(unfinished.c_str(), path.c_str()) == 0) return {};
  return permanent(fmt::format("cannot make {}: {}", path, std::strerror(errno)));
}

Status RecordFile::sync() {
  if (::fsync(fd_) == 0) return {};
  return permanent(fmt::format("cannot sync {}: {}", settings_.path, std::strerror(errno)));
}

RecordFile::~RecordFile() {
  if (environment_ != nullptr) mdb_env_close(environment_);
  if (fd_ >= 0) ::close(fd_);
}

std::uint64_t RecordFile::used_bytes() const {
  MDB_envinfo info = {};
  mdb_env_info(environment_, &info);
  return (info.me_last_pgno + 1) * page_bytes_;
}

// As LMDB decides: a node may take half of a page.
bool RecordFile::has_own_pages(const MDB_val& value) const {
  constexpr std::size_t kNodeBytes = 8;
  const std::size_t node_max = (((page_bytes_ - kPageHeaderBytes) / 2) & ~std::size_t{1}) - 2;
  return kNodeBytes + kRecordKeyBytes + value.mv_size > node_max;
}

// Where in the file a value lies that LMDB found. LMDB does not say where its map begins; the first
// value looked at tells it, by the number in its page.
std::uint64_t RecordFile::offset_of(const MDB_val& value) {
  const char* const data = static_cast<const char*>(value.mv_data);
  if (map_ == nullptr) {
    const char* page = data - kPageHeaderBytes;
    if (!has_own_pages(value)) page = data - reinterpret_cast<std::uintptr_t>(data) % page_bytes_;
    std::uint64_t number = 0;
    std::memcpy(&number, page, sizeof number);
    map_ = page - number * page_bytes_;
  }
  return static_cast<std::uint64_t>(data - map_);
}

CommitOutcome RecordFile::commit(std::span<const RecordToAppend> records,
                                 std::span<const std::uint64_t> removals) {
  CommitOutcome outcome;
  if (!records.empty()) make_room(records);
  const std::uint64_t limit = allocated_bytes_ - std::min(allocated_bytes_, kReserveBytes);
  std::size_t fitting = 0;
  int code = set_map(limit);
  if (code == 0) {
    code = leaves_reserve(records) ? transact(records, removals, &fitting) : MDB_MAP_FULL;
  }
  if (code == 0) return {.appended = records.size(), .removed = removals.size()};
  if (is_full(code)) {
    outcome.problem = why_full_.empty() ? describe(code) : why_full_;
    code = commit_when_full(records, removals, limit, &outcome);
  }
  if (code != 0 && !is_full(code)) outcome.problem = describe(code);
  const bool all = outcome.appended == records.size() && outcome.removed == removals.size();
  if (all) outcome.problem.reset();
  return outcome;
}

int RecordFile::transact(std::span<const RecordToAppend> records,
                         std::span<const std::uint64_t> removals, std::size_t* fitting) {
  *fitting = 0;
  if (records.empty() && removals.empty()) return 0;
  // Waits for readers of the state before the present one: its pages are about to be reused.
  std::unique_lock alone(readers_);
  Transaction transaction(environment_, 0);
  alone.unlock();
  int code = transaction.code();
  if (code == 0 && !removals.empty()) {
    Cursor cursor(transaction.get(), records_);
    code = cursor.code();
    for (const std::uint64_t id : removals) {
      if (code != 0) break;
      code = remove(cursor.get(), id);
    }
  }
  for (const RecordToAppend& record : records) {
    if (code != 0) break;
    const auto key_bytes = record.key.encode();
    MDB_val key = as_value(key_bytes);
    MDB_val value{value_bytes(*record.batch), nullptr};
    code = mdb_put(transaction.get(), records_, &key, &value, MDB_APPEND | MDB_RESERVE);
    if (code != 0) break;
    write_record(record.key, *record.batch, {static_cast<char*>(value.mv_data), value.mv_size});
    ++*fitting;
  }
  if (code == 0) code = transaction.commit();
  if (code == 0) unripe_ = removals.empty() ? std::max(unripe_, 1) - 1 : 2;
  // MDB_PANIC: a meta page could not be written, and the environment accepts nothing any more.
  if (code != 0 && !is_full(code)) broken_ = true;
  return code;
}

int RecordFile::remove(MDB_cursor* cursor, std::uint64_t id) {
  const auto first = RecordKey{.id = id, .items = 0}.encode();
  MDB_val key = as_value(first);
  MDB_val value = {};
  int code = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
  if (code == MDB_NOTFOUND) return 0;
  if (code != 0 || id_of(key) != id) return code;
  if (has_own_pages(value)) {
    const std::uint64_t offset = offset_of(value);
    // LMDB frees as many pages as the first one says. A damaged one would free those of others.
    const char* header = static_cast<const char*>(value.mv_data) - kPageHeaderBytes;
    std::uint64_t pages = 0;
    const std::uint64_t needed = overflow_pages_of(value.mv_size, page_bytes_);
    if (!is_overflow_header(std::span<const char, kPageHeaderBytes>(header, kPageHeaderBytes),
                            offset / page_bytes_, needed, &pages) ||
        pages != needed) {
      log_error(
          "{}: page {} is damaged: its record stays until the next start, which repairs the "
          "file",
          settings_.path, offset / page_bytes_);
      return 0;
    }
  }
  code = mdb_cursor_del(cursor, 0);
  return code;
}

Status RecordFile::put(std::span<const std::pair<RecordKey, std::string>> records) {
  std::uint64_t bytes = 0;
  for (const auto& [key, value] : records) {
    bytes += (overflow_pages_of(value.size(), page_bytes_) + 2) * page_bytes_;
  }
  const std::uint64_t needed = used_bytes() + kPagesPerCommit * page_bytes_ + 2 * bytes;
  if (needed > allocated_bytes_ && !allocate(needed)) {
    return permanent(fmt::format("cannot write {}: {}", settings_.path, std::strerror(errno)));
  }
  int code = set_map(allocated_bytes_);
  Transaction transaction(environment_, 0);
  if (code == 0) code = transaction.code();
  for (const auto& [record_key, record_value] : records) {
    if (code != 0) break;
    const auto key_bytes = record_key.encode();
    MDB_val key = as_value(key_bytes);
    MDB_val value = as_value(record_value);
    code = mdb_put(transaction.get(), records_, &key, &value, 0);
  }
  if (code == 0) code = transaction.commit();
  if (code == 0) return {};
  return permanent(fmt::format("cannot write {}: {}", settings_.path, describe(code)));
}

Result<std::optional<RecordFile::Found>> RecordFile::read_after(
    std::uint64_t id, std::optional<RecordKey>* unreadable) {
  const auto failed = [&](int code) {
    return retryable(fmt::format("cannot read {}: {}", settings_.path, describe(code)));
  };
  const std::shared_lock reading(readers_);
  Transaction transaction(environment_, MDB_RDONLY);
  if (transaction.code() != 0) return failed(transaction.code());
  Cursor cursor(transaction.get(), records_);
  if (cursor.code() != 0) return failed(cursor.code());
  const auto first = RecordKey{.id = id + 1, .items = 0}.encode();
  MDB_val key = as_value(first);
  MDB_val value = {};
  const int code = mdb_cursor_get(cursor.get(), &key, &value, MDB_SET_RANGE);
  if (code == MDB_NOTFOUND) return std::optional<Found>();
  if (code != 0) return failed(code);
  const auto found_key = RecordKey::decode(view(key));
  if (!found_key || value.mv_size > kRecordHeaderBytes + kMaxRequestBytes) return failed(EILSEQ);
  Found found{*found_key, std::string(value.mv_size, '\0')};
  const auto offset = static_cast<off_t>(offset_of(value));
  // Not through the map: an error of the disk is then an error, and not the end of the process, and
  // the record's pages do not count as this process's memory.
  for (std::size_t done = 0; done < found.value.size();) {
    const ssize_t got = ::pread(fd_, found.value.data() + done, found.value.size() - done,
                                offset + static_cast<off_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      *unreadable = found.key;
      return failed(got == 0 ? EIO : errno);
    }
    done += static_cast<std::size_t>(got);
  }
  return found;
}

Status RecordFile::copy_to(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, kFileMode);
  if (fd < 0) return permanent(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  int code = mdb_env_copyfd2(environment_, fd, MDB_CP_COMPACT);
  if (code == 0 && ::fsync(fd) != 0) code = errno;
  ::close(fd);
  if (code == 0) return {};
  ::unlink(path.c_str());
  return permanent(fmt::format("cannot write {}: {}", path, describe(code)));
}

}  // namespace kernspan::storage
