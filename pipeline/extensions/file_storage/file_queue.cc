#include "pipeline/extensions/file_storage/file_queue.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"

namespace kernspan::storage {
namespace {

// A commit holds its records in memory, in LMDB's pages.
constexpr std::size_t kGroupRecords = 1024;
constexpr std::size_t kGroupBytes = std::size_t{32} << 20;
// How long a removal waits for others, or for records to share a commit with: what a crash in this
// time sends again.
constexpr std::chrono::milliseconds kRemovalDelay{50};
constexpr std::size_t kRemovalsPerCommit = 512;
constexpr std::chrono::seconds kRetryDelay{1};
constexpr unsigned kReadsMax = 5;

}  // namespace

FileQueue::Instruments::Instruments(Metrics& metrics, const MetricLabels& labels)
    : commits(metrics.counter("kernspan_storage_commits",
                              "Transactions written to the file of a durable queue.", labels)),
      appended(
          metrics.counter("kernspan_storage_appended_records", "Records put on disk.", labels)),
      removed(metrics.counter("kernspan_storage_removed_records", "Records removed from disk.",
                              labels)),
      refused(metrics.counter("kernspan_storage_refused_records",
                              "Records that could not be written: no room, or a disk error.",
                              labels)),
      corrupt_records(metrics.counter("kernspan_storage_corrupt_records",
                                      "Records found damaged on disk, and lost.", labels)),
      lost_records(metrics.counter("kernspan_storage_lost_records",
                                   "Records that a damaged file counts and that are not in it.",
                                   labels)),
      salvaged_records(metrics.counter("kernspan_storage_salvaged_records",
                                       "Records saved from damaged files.", labels)),
      corrupt_files(metrics.counter("kernspan_storage_corrupt_files",
                                    "Damaged files that were set aside.", labels)),
      compactions(metrics.counter("kernspan_storage_compactions",
                                  "Times that a file was rewritten to give disk back.", labels)),
      file_bytes(
          metrics.gauge("kernspan_storage_file_size_bytes", "The size of the file.", labels)),
      records(metrics.gauge("kernspan_storage_records", "Records on disk.", labels)),
      stored_bytes(metrics.gauge("kernspan_storage_stored_bytes",
                                 "The requests on disk, without what the file adds.", labels)) {}

FileQueue::FileQueue(const FileQueueSettings& settings, Metrics& metrics,
                     const MetricLabels& labels)
    : settings_(settings),
      file_settings_{.path = fmt::format("{}/{}.lmdb", settings.directory, settings.name),
                     .max_bytes = settings.max_bytes,
                     .sync = settings.fsync},
      instruments_(metrics, labels) {}

Result<std::unique_ptr<FileQueue>> FileQueue::open(const FileQueueSettings& settings,
                                                   Metrics& metrics, const MetricLabels& labels) {
  std::unique_ptr<FileQueue> queue(new FileQueue(settings, metrics, labels));
  if (Status opened = queue->open_files(); !opened) return std::unexpected(opened.error());
  queue->writer_ = std::thread([raw = queue.get()] { raw->run(); });
  return queue;
}

Status FileQueue::open_files() {
  const std::string stem = fmt::format("{}/{}", settings_.directory, settings_.name);
  auto lock = QueueLock::acquire(stem + ".lock", settings_.lock_timeout);
  if (!lock) return std::unexpected(lock.error());
  lock_ = *std::move(lock);
  auto opened = open_queue_file(file_settings_);
  if (!opened) return std::unexpected(opened.error());
  if (opened->salvaged) count_salvage(*opened->salvaged);
  file_ = std::move(opened->file);
  recovered_ = opened->checked.contents;
  contents_ = recovered_;
  committed_id_ = opened->checked.last_id;
  next_id_ = opened->checked.last_id + 1;
  next_check_ = SteadyClock::now() + settings_.compaction.check_interval;
  if (settings_.compaction.on_start) compact();
  if (file_ == nullptr) return permanent("cannot open " + file_settings_.path + " again");
  update_gauges();
  if (recovered_.records != 0) {
    log_info("{}: {} records with {} items are still to be sent", file_settings_.path,
             recovered_.records, recovered_.items);
  }
  return {};
}

void FileQueue::count_salvage(const SalvageReport& report) {
  instruments_.corrupt_files.add();
  instruments_.salvaged_records.add(report.saved_records);
  instruments_.corrupt_records.add(report.damaged_records);
  instruments_.lost_records.add(report.missing_records);
}

FileQueue::~FileQueue() {
  close();
}

void FileQueue::close() {
  {
    const std::scoped_lock lock(mutex_);
    closing_ = true;
  }
  work_.notify_all();
  if (writer_.joinable()) writer_.join();
  const std::unique_lock alone(file_mutex_);
  if (file_ != nullptr && !settings_.fsync) static_cast<void>(file_->sync());
  file_.reset();
  lock_ = {};
}

Status FileQueue::append(const otlp::Batch& batch) {
  const std::uint64_t largest = settings_.max_bytes - RecordFile::kReserveBytes - (1U << 20);
  if (batch.byte_count() > std::min<std::uint64_t>(kMaxRequestBytes, largest)) {
    instruments_.refused.add();
    return permanent(
        fmt::format("a batch of {} bytes is too large for the storage", batch.byte_count()));
  }
  Append request{.batch = &batch};
  std::unique_lock lock(mutex_);
  if (closing_) return retryable("the storage is closed");
  const unsigned turn = turn_;
  pending_.push_back(&request);
  work_.notify_one();
  done_[turn % 2].wait(lock, [&] { return request.done; });
  return request.status;
}

void FileQueue::remove(std::uint64_t id) {
  const std::scoped_lock lock(mutex_);
  if (removals_.empty()) removals_due_ = SteadyClock::now() + kRemovalDelay;
  removals_.push_back(id);
  // The writer sleeps until the first one is due; it must learn of it.
  if (removals_.size() == 1 || removals_.size() == kRemovalsPerCommit) work_.notify_one();
}

Result<std::optional<StoredBatch>> FileQueue::next() {
  if (seen_id_ >= committed_id_.load(std::memory_order_acquire))
    return std::optional<StoredBatch>();
  const std::shared_lock reading(file_mutex_);
  if (file_ == nullptr) return retryable(file_settings_.path + " is closed");
  std::optional<RecordKey> unreadable;
  auto found = file_->read_after(seen_id_, &unreadable);
  if (!found) {
    if (!unreadable || ++failed_reads_ < kReadsMax) return std::unexpected(found.error());
    KERNSPAN_LOG_LIMITED(kError, "{}", found.error().message);
    return damaged(*unreadable, 0);
  }
  if (!*found) return std::optional<StoredBatch>();
  RecordFile::Found& record = **found;
  const auto checked = check_record(record.key, record.value);
  if (!checked) return damaged(record.key, record.value.size());
  failed_reads_ = 0;
  seen_id_ = record.key.id;
  StoredBatch stored{
      .id = record.key.id, .item_count = record.key.items, .byte_count = checked->request.size()};
  const otlp::Signal signal = checked->signal;
  record.value.erase(0, kRecordHeaderBytes);
  stored.batch = otlp::Batch::from_encoder(std::move(record.value), stored.item_count, signal);
  const std::scoped_lock lock(mutex_);
  given_out_.emplace(stored.id, stored.byte_count);
  return stored;
}

StoredBatch FileQueue::damaged(const RecordKey& key, std::size_t bytes) {
  failed_reads_ = 0;
  seen_id_ = key.id;
  instruments_.corrupt_records.add();
  KERNSPAN_LOG_LIMITED(kError, "{}: record {} with {} items is damaged, and lost",
                       file_settings_.path, key.id, key.items);
  const std::size_t payload = bytes - std::min(bytes, kRecordHeaderBytes);
  const std::scoped_lock lock(mutex_);
  given_out_.emplace(key.id, payload);
  return {.id = key.id, .item_count = key.items, .byte_count = payload};
}

bool FileQueue::has_work() const {
  const bool many_removals = removals_.size() >= kRemovalsPerCommit && !removals_stuck_;
  return closing_ || !pending_.empty() || many_removals;
}

FileQueue::SteadyClock::time_point FileQueue::next_wake() const {
  return removals_.empty() ? next_check_ : std::min(next_check_, removals_due_);
}

void FileQueue::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    while (!has_work() && SteadyClock::now() < next_wake()) work_.wait_until(lock, next_wake());
    const bool last_round =
        closing_ && pending_.empty() && (removals_.size() <= kRemovalsPerCommit || removals_stuck_);
    if (!pending_.empty() || !removals_.empty()) {
      const Group group = take_group();
      lock.unlock();
      const CommitOutcome outcome = commit(group);
      reopen_if_broken(group);
      lock.lock();
      settle(group, outcome);
    }
    // What cannot be removed now will be sent again.
    if (last_round) return;
    if (SteadyClock::now() >= next_check_) {
      next_check_ = SteadyClock::now() + settings_.compaction.check_interval;
      const bool wanted = wants_compaction();
      lock.unlock();
      if (wanted) compact();
      lock.lock();
    }
    update_gauges();
  }
}

FileQueue::Group FileQueue::take_group() {
  Group group;
  group.turn = turn_;
  std::size_t bytes = 0;
  while (group.appends.size() < std::min(pending_.size(), kGroupRecords) && bytes < kGroupBytes) {
    Append* append = pending_[group.appends.size()];
    bytes += append->batch->byte_count();
    group.appends.push_back(append);
  }
  pending_.erase(pending_.begin(),
                 pending_.begin() + static_cast<std::ptrdiff_t>(group.appends.size()));
  // Who is left waits with the same turn, and is woken once too often.
  if (pending_.empty()) ++turn_;
  const std::size_t removals = std::min(removals_.size(), kRemovalsPerCommit * 2);
  const auto end = removals_.begin() + static_cast<std::ptrdiff_t>(removals);
  group.removals.assign(removals_.begin(), end);
  removals_.erase(removals_.begin(), end);
  for (Append* append : group.appends) append->id = next_id_++;
  return group;
}

CommitOutcome FileQueue::commit(const Group& group) {
  if (file_ == nullptr) return {.problem = file_settings_.path + " cannot be opened"};
  std::vector<RecordToAppend> records;
  records.reserve(group.appends.size());
  for (const Append* append : group.appends) {
    records.push_back(
        {{append->id, static_cast<std::uint32_t>(append->batch->item_count())}, append->batch});
  }
  instruments_.commits.add();
  CommitOutcome outcome = file_->commit(records, group.removals);
  if (outcome.appended != 0) {
    committed_id_.store(records[outcome.appended - 1].key.id, std::memory_order_release);
  }
  if (outcome.problem) {
    KERNSPAN_LOG_LIMITED(kError, "{}: {}; refused {} of {} records", file_settings_.path,
                         *outcome.problem, records.size() - outcome.appended, records.size());
  }
  return outcome;
}

void FileQueue::settle(const Group& group, const CommitOutcome& outcome) {
  for (std::size_t i = 0; i < group.appends.size(); ++i) {
    Append& append = *group.appends[i];
    if (i < outcome.appended) {
      ++contents_.records;
      contents_.bytes += append.batch->byte_count();
    } else {
      append.status = retryable(fmt::format("cannot write {}: {}", file_settings_.path,
                                            outcome.problem.value_or("unknown")));
    }
    append.done = true;
  }
  instruments_.appended.add(outcome.appended);
  instruments_.refused.add(group.appends.size() - outcome.appended);
  instruments_.removed.add(outcome.removed);
  for (std::size_t i = 0; i < outcome.removed; ++i) {
    const auto found = given_out_.find(group.removals[i]);
    if (found == given_out_.end()) continue;
    contents_.records -= std::min<std::uint64_t>(contents_.records, 1);
    contents_.bytes -= std::min<std::uint64_t>(contents_.bytes, found->second);
    given_out_.erase(found);
  }
  removals_stuck_ = outcome.removed < group.removals.size();
  if (removals_stuck_) {
    // Not while the disk is asked anyway: it would be asked for nothing else.
    removals_.insert(removals_.begin(),
                     group.removals.begin() + static_cast<std::ptrdiff_t>(outcome.removed),
                     group.removals.end());
    removals_due_ = SteadyClock::now() + kRetryDelay;
  } else if (!removals_.empty()) {
    removals_due_ = SteadyClock::now() + kRemovalDelay;
  }
  done_[group.turn % 2].notify_all();
}

void FileQueue::reopen_if_broken(const Group& group) {
  if (file_ != nullptr && !file_->is_broken()) return;
  const std::unique_lock alone(file_mutex_);
  file_.reset();
  auto opened = open_queue_file(file_settings_);
  if (!opened) {
    KERNSPAN_LOG_LIMITED(kError, "{}", opened.error().message);
    return;
  }
  if (opened->salvaged) count_salvage(*opened->salvaged);
  file_ = std::move(opened->file);
  // A commit that failed may have reached the disk all the same; its callers have been told no.
  const std::scoped_lock lock(mutex_);
  for (const Append* append : group.appends) {
    if (append->id > committed_id_.load() && append->id <= opened->checked.last_id) {
      removals_.push_back(append->id);
    }
  }
}

bool FileQueue::wants_compaction() const {
  const CompactionSettings& settings = settings_.compaction;
  if (file_ == nullptr || contents_.bytes > settings.rebound_trigger_threshold_bytes) return false;
  if (file_->is_worn()) return true;
  return settings.on_rebound && file_->file_bytes() > settings.rebound_needed_threshold_bytes;
}

void FileQueue::compact() {
  const std::string& directory =
      settings_.compaction.directory.empty() ? settings_.directory : settings_.compaction.directory;
  const std::string temporary = fmt::format("{}/{}.lmdb.compacting", directory, settings_.name);
  const std::unique_lock alone(file_mutex_);
  const std::uint64_t before = file_->file_bytes();
  if (Status done = compact_queue_file(file_settings_, file_, temporary); !done) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: compaction failed: {}", file_settings_.path,
                         done.error().message);
    return;
  }
  instruments_.compactions.add();
  log_info("{}: compacted from {} to {} KiB", file_settings_.path, before >> 10,
           file_->file_bytes() >> 10);
}

void FileQueue::update_gauges() {
  if (file_ != nullptr) instruments_.file_bytes.set(static_cast<double>(file_->file_bytes()));
  instruments_.records.set(static_cast<double>(contents_.records));
  instruments_.stored_bytes.set(static_cast<double>(contents_.bytes));
}

}  // namespace kernspan::storage
