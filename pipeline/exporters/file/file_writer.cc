#include "pipeline/exporters/file/file_writer.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/exporters/file/rotated_files.h"

namespace kernspan {
namespace {

std::string system_error_text(int error) {
  return std::generic_category().message(error);
}

}  // namespace

FileWriter::FileWriter(std::string path, const FileExporterSettings& settings, const Clock& clock,
                       OnWritten on_written)
    : path_(std::move(path)),
      settings_(settings),
      clock_(clock),
      on_written_(std::move(on_written)) {}

FileWriter::~FileWriter() {
  if (fd_ >= 0) ::close(fd_);
}

Status FileWriter::open() {
  const std::filesystem::path directory = std::filesystem::path(path_).parent_path();
  // With groups the directories come from the data: nobody can have made them before.
  if ((settings_.create_directory || settings_.group_by) && !directory.empty()) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
      return permanent(
          fmt::format("cannot create the directory {}: {}", directory.string(), error.message()));
    }
  }
  // A group's file may have been closed for another one before.
  return open_file(!settings_.append && !settings_.rotation && !settings_.group_by);
}

Status FileWriter::open_file(bool truncate) {
  // Spans may hold what others should not read.
  constexpr mode_t kOwnerOnly = 0600;
  const int mode = O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND | (truncate ? O_TRUNC : 0);
  fd_ = ::open(path_.c_str(), mode, kOwnerOnly);
  if (fd_ >= 0) {
    struct stat status{};
    file_bytes_ = ::fstat(fd_, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
    return {};
  }
  const int error = errno;
  std::string advice;
  if (error == ENOENT) {
    advice = fmt::format("; create the directory {}, or set create_directory: true",
                         std::filesystem::path(path_).parent_path().string());
  }
  return permanent(
      fmt::format("cannot open {} for writing: {}{}", path_, system_error_text(error), advice));
}

void FileWriter::append(FileRecord record) {
  records_.push_back({record.bytes.size(), record.items, record.signal});
  if (pending_.empty()) {
    pending_ = std::move(record.bytes);
  } else {
    pending_ += record.bytes;
  }
}

bool FileWriter::must_rotate_before(std::size_t bytes) const {
  return settings_.rotation && file_bytes_ != 0 &&
         file_bytes_ + bytes > settings_.rotation->max_bytes;
}

Status FileWriter::rotate() {
  const FileRotationSettings& rotation = *settings_.rotation;
  if (Status aside = put_aside(path_, clock_.wall_ns(), rotation.local_time); !aside) return aside;
  ::close(std::exchange(fd_, -1));
  if (Status opened = open_file(true); !opened) return retryable(opened.error().message);
  if (Status removed = remove_old_backups(path_, rotation, clock_.wall_ns()); !removed) {
    KERNSPAN_LOG_LIMITED(kWarn, "{}", removed.error().message);
  }
  return {};
}

// How many of the pending bytes go into this file: whole records, up to the rotation's size.
std::size_t FileWriter::run_length() const {
  if (!settings_.rotation) return pending_.size() - done_;
  std::size_t length = records_.front().bytes - first_written_;
  for (std::size_t i = 1; i < records_.size(); ++i) {
    if (file_bytes_ + length + records_[i].bytes > settings_.rotation->max_bytes) break;
    length += records_[i].bytes;
  }
  return length;
}

Status FileWriter::write_pending() {
  Status result;
  while (!records_.empty() && result) {
    if (fd_ < 0) result = open_file(false);  // a rotation failed half-way
    if (result && first_written_ == 0 && must_rotate_before(records_.front().bytes)) {
      result = rotate();
    }
    if (!result) break;
    std::size_t left = run_length();
    while (left != 0) {
      const ssize_t count = ::write(fd_, pending_.data() + done_, left);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) {
        result = retryable(fmt::format("cannot write to {}: {}", path_, system_error_text(errno)));
        break;
      }
      const auto written = static_cast<std::size_t>(count);
      left -= written;
      settle(written);
    }
  }
  pending_.erase(0, done_);
  done_ = 0;
  if (!result) return retryable(result.error().message);
  return {};
}

void FileWriter::settle(std::size_t bytes) {
  done_ += bytes;
  file_bytes_ += bytes;
  first_written_ += bytes;
  while (!records_.empty() && first_written_ >= records_.front().bytes) {
    first_written_ -= records_.front().bytes;
    const Pending record = records_.front();
    records_.pop_front();
    on_written_(record.items, record.signal);
  }
}

void FileWriter::abandon(const OnWritten& on_lost) {
  for (const Pending& record : records_) on_lost(record.items, record.signal);
  records_.clear();
  pending_.clear();
  done_ = 0;
  first_written_ = 0;
}

}  // namespace kernspan
