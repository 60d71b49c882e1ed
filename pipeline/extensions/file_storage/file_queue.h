// A queue in a file. One thread writes: whatever callers bring while it commits goes into its next
// commit, so that many wait for one sync of the disk.
//
//   append() --> pending --commit--> on disk --next()--> given out --remove()--> removals --commit--> gone
//      \______ waits ______/                                            (at most kRemovalDelay)
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/base/metrics.h"
#include "pipeline/component/storage.h"
#include "pipeline/extensions/file_storage/queue_files.h"
#include "pipeline/extensions/file_storage/queue_lock.h"

namespace kernspan::storage {

struct CompactionSettings {
  bool on_start = false;
  bool on_rebound = false;
  std::string directory;  // empty: where the queues are
  std::uint64_t rebound_needed_threshold_bytes = std::uint64_t{100} << 20;
  std::uint64_t rebound_trigger_threshold_bytes = std::uint64_t{10} << 20;
  std::chrono::nanoseconds check_interval = std::chrono::seconds{5};
  bool cleanup_on_start = false;
};

struct FileQueueSettings {
  std::string directory;
  std::string name;  // queue_file_name()
  bool fsync = true;
  std::uint64_t max_bytes = std::uint64_t{16} << 30;
  std::chrono::nanoseconds lock_timeout = std::chrono::seconds{1};
  CompactionSettings compaction = {};
};

class FileQueue final : public DurableQueue {
 public:
  // `labels` are those of the queue's metrics, kernspan_storage_*.
  static Result<std::unique_ptr<FileQueue>> open(const FileQueueSettings& settings,
                                                 Metrics& metrics, const MetricLabels& labels);
  ~FileQueue() override;

  QueueContents recovered() const override { return recovered_; }
  Status append(const otlp::Batch& batch) override;
  Result<std::optional<StoredBatch>> next() override;
  void remove(std::uint64_t id) override;
  void close() override;

 private:
  using SteadyClock = std::chrono::steady_clock;

  // A caller of append(), in its frame.
  struct Append {
    const otlp::Batch* batch;
    std::uint64_t id = 0;
    bool done = false;
    Status status = {};
  };
  struct Group {
    std::vector<Append*> appends;
    std::vector<std::uint64_t> removals;
    unsigned turn = 0;
  };
  struct Instruments {
    Instruments(Metrics& metrics, const MetricLabels& labels);

    Counter& commits;
    Counter& appended;
    Counter& removed;
    Counter& refused;
    Counter& corrupt_records;
    Counter& lost_records;
    Counter& salvaged_records;
    Counter& corrupt_files;
    Counter& compactions;
    Gauge& file_bytes;
    Gauge& records;
    Gauge& stored_bytes;
  };

  FileQueue(const FileQueueSettings& settings, Metrics& metrics, const MetricLabels& labels);

  Status open_files();
  void count_salvage(const SalvageReport& report);
  void run();
  bool has_work() const;
  SteadyClock::time_point next_wake() const;
  Group take_group();
  CommitOutcome commit(const Group& group);
  void settle(const Group& group, const CommitOutcome& outcome);
  void reopen_if_broken(const Group& group);
  bool wants_compaction() const;
  void compact();
  StoredBatch damaged(const RecordKey& key, std::size_t bytes);
  void update_gauges();

  const FileQueueSettings settings_;
  const RecordFileSettings file_settings_;
  Instruments instruments_;
  QueueLock lock_;
  QueueContents recovered_;

  // Held shared by next(), alone while the writer puts another file in place.
  std::shared_mutex file_mutex_;
  std::unique_ptr<RecordFile> file_;  // null: it could not be opened again

  // Of next()'s thread.
  std::uint64_t seen_id_ = 0;
  unsigned failed_reads_ = 0;
  std::atomic<std::uint64_t> committed_id_{0};

  std::mutex mutex_;  // guards everything below
  std::condition_variable work_;
  std::condition_variable done_[2];  // of the group that collects, and of the one before it
  unsigned turn_ = 0;
  std::vector<Append*> pending_;
  std::vector<std::uint64_t> removals_;
  SteadyClock::time_point removals_due_;
  bool removals_stuck_ = false;                     // the last ones could not be written
  std::map<std::uint64_t, std::size_t> given_out_;  // bytes by id: between next() and remove()
  QueueContents contents_;
  SteadyClock::time_point next_check_;
  bool closing_ = false;

  std::uint64_t next_id_ = 1;  // the writer's
  std::thread writer_;
};

}  // namespace kernspan::storage
