#include "pipeline/exporters/file/file_exporter.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/exporters/file/file_groups.h"

namespace kernspan {
namespace {

// Written at once, without waiting for the interval, when this much has collected.
constexpr std::size_t kWriteThresholdBytes = 256 << 10;
// What may wait while the disk is full.
constexpr std::size_t kMaxPendingBytes = 16 << 20;

Result<std::unique_ptr<Exporter>> create(const ConfigNode& node, const ComponentContext& context) {
  auto settings = read_file_exporter_settings(node, context.path, context.warnings);
  if (!settings) return std::unexpected(settings.error());
  return std::make_unique<FileExporter>(context, *std::move(settings));
}

}  // namespace

FileExporter::FileExporter(const ComponentContext& context, FileExporterSettings settings)
    : path_(context.path),
      settings_(std::move(settings)),
      clock_(context.clock),
      books_(context.books),
      dropped_malformed_(books_.dropped("malformed")),
      dropped_unwritable_(books_.dropped("unwritable")),
      dropped_shutdown_(books_.dropped("shutdown")),
      write_errors_(context.metrics.counter("kernspan_exporter_write_errors",
                                            "Attempts to write that failed; the data was kept.",
                                            {{"exporter", context.id}})) {
  for (const otlp::Signal signal : otlp::kAllSignals) {
    Counters& counters = items_.emplace_back();
    if (!context.signals.contains(signal)) continue;
    counters = {
        .sent = &context.metrics.counter(fmt::format("otelcol_exporter_sent_{}", items_of(signal)),
                                         "Items written.", {{"exporter", context.id}}),
        .send_failed = &context.metrics.counter(
            fmt::format("otelcol_exporter_send_failed_{}", items_of(signal)),
            "Items dropped: malformed, or not written by the end of the program.",
            {{"exporter", context.id}})};
  }
}

FileExporter::~FileExporter() {
  stop(std::chrono::steady_clock::now());
}

std::unique_ptr<FileWriter> FileExporter::make_writer(const std::string& path) {
  return std::make_unique<FileWriter>(path, settings_, clock_,
                                      [this](std::size_t items, otlp::Signal signal) {
                                        books_.release(items);
                                        books_.pass_on(items);
                                        items_[static_cast<std::size_t>(signal)].sent->add(items);
                                      });
}

Status FileExporter::start() {
  const std::scoped_lock lock(mutex_);
  if (!settings_.group_by) {
    auto writer = make_writer(settings_.path);
    if (Status opened = writer->open(); !opened) {
      return permanent(fmt::format("{}: {}", path_, opened.error().message));
    }
    writers_.push_back(std::move(writer));
  }
  running_ = true;
  thread_ = std::thread([this] { run(); });
  return {};
}

void FileExporter::stop(std::chrono::steady_clock::time_point) {
  {
    const std::scoped_lock lock(mutex_);
    if (!running_) return;
    running_ = false;
    stopped_.notify_all();
  }
  thread_.join();
  const std::scoped_lock lock(mutex_);
  if (const Status written = write_all(); !written) {
    std::size_t lost = 0;
    for (const auto& writer : writers_) {
      writer->abandon([&](std::size_t items, otlp::Signal signal) {
        books_.release(items);
        drop(items, signal, dropped_shutdown_);
        lost += items;
      });
    }
    log_error("{}: dropped {} items at the end: {}", path_, lost, written.error().message);
  }
  writers_.clear();
}

// The open file of that name, opened if need be; the one used longest ago is closed for it.
Result<FileWriter*> FileExporter::writer_of(const std::string& path) {
  const auto found =
      std::ranges::find(writers_, path, [](const auto& each) { return each->path(); });
  if (found != writers_.end()) {
    writers_.splice(writers_.begin(), writers_, found);
    return writers_.front().get();
  }
  while (writers_.size() >= settings_.group_by->max_open_files) {
    if (Status written = writers_.back()->write_pending(); !written) {
      return std::unexpected(written.error());
    }
    writers_.pop_back();
  }
  auto writer = make_writer(path);
  if (Status opened = writer->open(); !opened) return std::unexpected(opened.error());
  writers_.push_front(std::move(writer));
  return writers_.front().get();
}

void FileExporter::drop(std::size_t items, otlp::Signal signal, Counter& reason) {
  if (items == 0) return;
  reason.add(items);
  items_[static_cast<std::size_t>(signal)].send_failed->add(items);
}

// One record may be larger than the bound: it is taken when nothing else waits.
Status FileExporter::make_room(std::size_t bytes) {
  const auto pending = [&] {
    std::size_t all = 0;
    for (const auto& writer : writers_) all += writer->pending_bytes();
    return all;
  };
  if (pending() == 0 || pending() + bytes <= kMaxPendingBytes) return {};
  return write_all();
}

void FileExporter::take(FileRecord record, const std::string& path) {
  books_.take(record.items + record.malformed_items);
  drop(record.malformed_items, record.signal, dropped_malformed_);
  if (record.malformed_items != 0) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}: left out {} malformed items", path_, record.malformed_items);
  }
  if (record.items == 0) return;
  const auto writer =
      settings_.group_by ? writer_of(path) : Result<FileWriter*>(writers_.front().get());
  if (!writer) {
    KERNSPAN_LOG_LIMITED(kError, "{}: dropped {} items: {}", path_, record.items,
                         writer.error().message);
    drop(record.items, record.signal, dropped_unwritable_);
    return;
  }
  books_.hold(record.items);
  (*writer)->append(std::move(record));
  // An error leaves the data pending, for the next interval.
  if ((*writer)->pending_bytes() >= kWriteThresholdBytes) static_cast<void>(write_all());
}

Status FileExporter::consume(otlp::Batch batch) {
  const std::size_t items = batch.item_count();
  if (items == 0) return {};
  std::vector<std::pair<FileRecord, std::string>> records;
  std::size_t bytes = 0;
  if (settings_.group_by) {
    for (const FileGroup& group : group_by_file(batch, settings_.path, *settings_.group_by)) {
      records.emplace_back(make_file_record(group.batch, settings_.format, settings_.zstd),
                           group.path);
    }
  } else {
    records.emplace_back(make_file_record(batch, settings_.format, settings_.zstd), settings_.path);
  }
  for (const auto& [record, path] : records) bytes += record.bytes.size();

  const std::scoped_lock lock(mutex_);
  if (!running_) {
    books_.refuse(items);
    return retryable(path_ + " is not running");
  }
  if (Status room = make_room(bytes); !room) {
    books_.refuse(items);
    return room;
  }
  for (auto& [record, path] : records) take(std::move(record), path);
  return {};
}

Status FileExporter::flush() {
  const std::scoped_lock lock(mutex_);
  return write_all();
}

Status FileExporter::write_all() {
  Status result;
  for (const auto& writer : writers_) {
    Status written = writer->write_pending();
    if (written) continue;
    write_errors_.add();
    KERNSPAN_LOG_LIMITED(kError, "{}: {}; will try again", path_, written.error().message);
    result = retryable(fmt::format("{}: {}", path_, written.error().message));
  }
  return result;
}

void FileExporter::run() {
  std::unique_lock lock(mutex_);
  while (running_) {
    stopped_.wait_for(lock, settings_.flush_interval);
    static_cast<void>(write_all());
  }
}

ExporterFactory file_exporter_factory() {
  return {.type = "file", .signals = kTracesAndMetrics, .create = create};
}

}  // namespace kernspan
