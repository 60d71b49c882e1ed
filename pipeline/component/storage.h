// What `sending_queue: {storage: ID}` refers to: an extension that keeps queues on disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "pipeline/base/error.h"
#include "pipeline/otlp/batch.h"

namespace kernspan {

// What a queue keeps.
struct QueueContents {
  std::uint64_t records = 0;
  std::uint64_t items = 0;
  std::uint64_t bytes = 0;  // of the requests, without what the store adds to them
};

// One batch read back from a queue.
struct StoredBatch {
  std::uint64_t id = 0;
  std::size_t item_count = 0;
  std::size_t byte_count = 0;
  // Nothing: the record is damaged, and its items are lost. It is to be removed like the others.
  std::optional<otlp::Batch> batch = {};
};

// A queue of batches that outlives the process. What was appended stays until it is removed; what
// was not removed when the process ended, however it ended, is there again at the next start.
class DurableQueue {
 public:
  // Does close().
  virtual ~DurableQueue() = default;

  // What it held when it was opened.
  virtual QueueContents recovered() const = 0;

  // Returns when the batch is on disk; concurrent callers share one commit. A retryable error when
  // the disk has no room, or writing failed: the batch was not taken. Any thread.
  virtual Status append(const otlp::Batch& batch) = 0;

  // The oldest record that this process has not seen yet; nothing when there is none. An error when
  // the disk cannot be read now: the same record is tried again by the next call, and counted as
  // damaged after a few. One thread at a time.
  virtual Result<std::optional<StoredBatch>> next() = 0;

  // The record is no longer needed. Returns at once; removals share commits too, so that a crash
  // may bring back what was removed in the last moment. Any thread.
  virtual void remove(std::uint64_t id) = 0;

  // Commits what is under way and lets the files go. Appending fails from now on. Idempotent.
  virtual void close() = 0;
};

class StorageExtension {
 public:
  virtual ~StorageExtension() = default;

  // Opens the queue of one component (its path: "exporters::otlp/backup"), or makes it. Between the
  // extension's start() and stop(); the queue must be gone before the extension is.
  virtual Result<std::unique_ptr<DurableQueue>> open_queue(const std::string& owner_path) = 0;
};

}  // namespace kernspan
