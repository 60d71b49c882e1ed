// Type `file`: one OTLP JSON object per line and batch.
//
// Lines are collected and written at least every flush_interval. When writing fails (a full disk)
// they are kept and tried again at the next interval; once kMaxPendingBytes are waiting, batches
// are refused with a retryable error.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "pipeline/component/factory.h"

namespace kernspan {

ExporterFactory file_exporter_factory();

struct FileExporterSettings {
  std::string path;
  bool append = false;  // false: what the file held is lost at the start, as upstream
  bool create_directory = false;
  std::chrono::nanoseconds flush_interval = std::chrono::seconds{1};
};

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
  struct Line {
    std::size_t bytes;
    std::size_t spans;
  };

  Status open();
  Status write_pending();
  void settle_written_lines();
  void run();

  const std::string path_;
  const FileExporterSettings settings_;
  StageBooks& books_;
  Counter& dropped_malformed_;
  Counter& dropped_shutdown_;
  Counter& sent_spans_;
  Counter& send_failed_spans_;
  Counter& write_errors_;

  std::mutex mutex_;  // guards everything below
  std::condition_variable stopped_;
  bool running_ = false;
  int fd_ = -1;
  std::string pending_;      // bytes that are not in the file yet
  std::deque<Line> lines_;   // the lines that pending_ ends with; the first may be partly written
  std::size_t written_ = 0;  // bytes of the first line that are in the file already
  std::thread thread_;
};

}  // namespace kernspan
