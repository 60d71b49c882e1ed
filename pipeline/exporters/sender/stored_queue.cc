// The part of QueuedSender that keeps its queue on disk.
#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/exporters/sender/queued_sender.h"

namespace kernspan {
namespace {

using std::chrono::nanoseconds;

constexpr std::chrono::seconds kReadAgainDelay{1};

}  // namespace

Status QueuedSender::open_stored() {
  if (settings_.queue.storage.empty()) return {};
  if (storage_ == nullptr) {
    return permanent("no storage client extension found: " + settings_.queue.storage);
  }
  auto opened = storage_->open_queue(path_);
  if (!opened) return std::unexpected(opened.error());
  for (const char* reason : {"corrupt_record", "storage_lost"}) books_.dropped(reason);
  const std::scoped_lock lock(mutex_);
  stored_ = *std::move(opened);
  const QueueContents found = stored_->recovered();
  books_.recover(found.items);
  books_.hold(found.items);
  plan_.reserve(plan_.size_of(found.records, found.items, found.bytes));
  unread_ = {.records = static_cast<std::int64_t>(found.records),
             .items = static_cast<std::int64_t>(found.items),
             .bytes = static_cast<std::int64_t>(found.bytes)};
  update_gauges();
  return {};
}

Status QueuedSender::store(std::unique_lock<std::mutex> lock, const otlp::Batch& batch) {
  const std::size_t items = batch.item_count();
  plan_.reserve(plan_.size_of(batch));
  ++appending_;
  books_.hold(items);
  lock.unlock();
  const Status stored = stored_->append(batch);
  lock.lock();
  --appending_;
  if (stored) {
    books_.take(items);
    enqueue_size_.observe(static_cast<double>(items));
    enqueue_bytes_.observe(static_cast<double>(batch.byte_count()));
    ++unread_.records;
    unread_.items += static_cast<std::int64_t>(items);
    unread_.bytes += static_cast<std::int64_t>(batch.byte_count());
  } else {
    books_.release(items);
    plan_.release(plan_.size_of(batch));
  }
  update_gauges();
  work_.notify_one();
  if (state_ != State::kRunning || !stored) room_.notify_all();
  if (stored) return {};
  return refuse(batch, {stored.error().kind, path_ + ": " + stored.error().message});
}

bool QueuedSender::wants_to_read() const {
  return stored_ != nullptr && state_ == State::kRunning && unread_.records > 0 &&
         plan_.wants_stored(now());
}

// Reads as many batches as there are free consumers.
std::unique_lock<std::mutex> QueuedSender::read_stored(std::unique_lock<std::mutex> lock) {
  while (wants_to_read() && read_again_ <= now()) {
    lock.unlock();
    Result<std::optional<StoredBatch>> record = stored_->next();
    lock.lock();
    if (!record) {
      KERNSPAN_LOG_LIMITED(kError, "{}: {}; will try again", path_, record.error().message);
      read_again_ = now() + kReadAgainDelay;
    } else if (!*record) {
      // A file that was repaired while it was in use has less than it was given.
      count_lost();
    } else {
      take_stored(*std::move(*record));
    }
  }
  return lock;
}

void QueuedSender::take_stored(StoredBatch record) {
  --unread_.records;
  unread_.items -= static_cast<std::int64_t>(record.item_count);
  unread_.bytes -= static_cast<std::int64_t>(record.byte_count);
  // Stopped meanwhile: it stays where it is.
  if (state_ != State::kRunning) return;
  if (record.batch) {
    plan_.add_stored(*std::move(record.batch), record.id, now());
    return;
  }
  books_.release(record.item_count);
  books_.dropped("corrupt_record").add(record.item_count);
  plan_.release(plan_.size_of(1, record.item_count, record.byte_count));
  stored_->remove(record.id);
  update_gauges();
}

void QueuedSender::count_lost() {
  const auto items = static_cast<std::uint64_t>(std::max<std::int64_t>(unread_.items, 0));
  books_.release(items);
  books_.dropped("storage_lost").add(items);
  plan_.release(
      plan_.size_of(static_cast<std::uint64_t>(unread_.records), items,
                    static_cast<std::uint64_t>(std::max<std::int64_t>(unread_.bytes, 0))));
  KERNSPAN_LOG_LIMITED(kError, "{}: {} items are no longer on disk, and lost", path_, items);
  unread_ = {};
  update_gauges();
}

void QueuedSender::close_stored() {
  if (stored_ == nullptr) return;
  {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [&] { return appending_ == 0; });
  }
  stored_->close();
}

}  // namespace kernspan
