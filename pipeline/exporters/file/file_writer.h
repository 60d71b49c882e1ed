// One file that records are appended to, with rotation. What could not be written (a full disk)
// stays pending, in order, and is tried again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <string>

#include "pipeline/base/clock.h"
#include "pipeline/base/error.h"
#include "pipeline/exporters/file/file_record.h"
#include "pipeline/exporters/file/file_settings.h"

namespace kernspan {

// One thread at a time.
class FileWriter {
 public:
  // Called for each record that is in the file from its first to its last byte.
  using OnWritten = std::function<void(std::size_t items, otlp::Signal signal)>;

  // The settings and the clock outlive the writer.
  FileWriter(std::string path, const FileExporterSettings& settings, const Clock& clock,
             OnWritten on_written);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  // A permanent error names the file and what to do about it.
  Status open();

  void append(FileRecord record);

  // Writes what is pending. A retryable error leaves the rest pending.
  Status write_pending();

  std::size_t pending_bytes() const { return pending_.size() - done_; }
  // Gives up what is pending: calls for each record.
  void abandon(const OnWritten& on_lost);

  const std::string& path() const { return path_; }

 private:
  struct Pending {
    std::size_t bytes;
    std::size_t items;
    otlp::Signal signal;
  };

  Status open_file(bool truncate);
  Status rotate();
  bool must_rotate_before(std::size_t bytes) const;
  std::size_t run_length() const;
  void settle(std::size_t bytes);

  const std::string path_;
  const FileExporterSettings& settings_;
  const Clock& clock_;
  const OnWritten on_written_;
  int fd_ = -1;
  std::uint64_t file_bytes_ = 0;
  std::string pending_;            // the records, one behind the other
  std::size_t done_ = 0;           // bytes of these that are in the file
  std::deque<Pending> records_;    // the first may be in the file in part
  std::size_t first_written_ = 0;  // bytes of the first record that are in the file
};

}  // namespace kernspan
