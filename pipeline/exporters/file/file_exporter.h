// Type `file`: batches as OTLP JSON lines or length-prefixed protobuf, in one file or in one per
// value of a resource attribute.
//
// Records are collected and written at least every flush_interval. When writing fails (a full disk)
// they are kept and tried again at the next interval; once kMaxPendingBytes are waiting, batches
// are refused with a retryable error.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "pipeline/component/factory.h"
#include "pipeline/exporters/file/file_settings.h"
#include "pipeline/exporters/file/file_writer.h"

namespace kernspan {

ExporterFactory file_exporter_factory();

// Books: an item is held until its record is in the file, then passed on; or dropped as malformed,
// unwritable (a group's file that cannot be opened) or by the shutdown.
class FileExporter final : public Exporter {
 public:
  FileExporter(const ComponentContext& context, FileExporterSettings settings);
  ~FileExporter() override;

  Status start() override;
  void stop(std::chrono::steady_clock::time_point deadline) override;
  // Any thread.
  Status consume(otlp::Batch batch) override;
  // Writes what is pending now. Any thread.
  Status flush();

 private:
  struct Counters {
    Counter* sent = nullptr;
    Counter* send_failed = nullptr;
  };

  std::unique_ptr<FileWriter> make_writer(const std::string& path);
  Result<FileWriter*> writer_of(const std::string& path);
  Status make_room(std::size_t bytes);
  void take(FileRecord record, const std::string& path);
  Status write_all();
  void drop(std::size_t items, otlp::Signal signal, Counter& reason);
  void run();

  const std::string path_;
  const FileExporterSettings settings_;
  const Clock& clock_;
  StageBooks& books_;
  Counter& dropped_malformed_;
  Counter& dropped_unwritable_;
  Counter& dropped_shutdown_;
  std::vector<Counters> items_;  // by signal
  Counter& write_errors_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable stopped_;
  bool running_ = false;
  std::list<std::unique_ptr<FileWriter>> writers_;  // used last, first; one without groups
  std::thread thread_;
};

}  // namespace kernspan
