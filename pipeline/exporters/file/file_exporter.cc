#include "pipeline/exporters/file/file_exporter.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>
#include <utility>

#include "pipeline/base/log.h"
#include "pipeline/component/config_reader.h"
#include "pipeline/otlp/json_writer.h"

namespace kernspan {
namespace {

// Written at once, without waiting for the interval, when this much has collected.
constexpr std::size_t kWriteThresholdBytes = 256 << 10;
// What may wait while the disk is full.
constexpr std::size_t kMaxPendingBytes = 16 << 20;

std::string system_error_text(int error) {
  return std::generic_category().message(error);
}

Result<std::unique_ptr<Exporter>> create(const ConfigNode& node, const ComponentContext& context) {
  enum class Format { kJson, kProto };
  Format format = Format::kJson;
  FileExporterSettings settings;
  ConfigReader reader(node, context.warnings, context.path);
  reader.require("path", "say which file to write");
  reader.string("path", &settings.path);
  reader.choice("format", &format, {{"json", Format::kJson}, {"proto", Format::kProto}});
  if (format == Format::kProto) {
    reader.error("format", "proto is not supported yet: use json, which is the default");
  }
  reader.boolean("append", &settings.append);
  reader.boolean("create_directory", &settings.create_directory);
  reader.duration("flush_interval", &settings.flush_interval, std::chrono::milliseconds{1});
  for (const char* key : {"rotation", "compression", "group_by", "encoding"}) {
    if (reader.node(key) != nullptr) reader.error(key, "is not supported yet: remove the key");
  }
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return std::make_unique<FileExporter>(context, std::move(settings));
}

}  // namespace

FileExporter::FileExporter(const ComponentContext& context, FileExporterSettings settings)
    : path_(context.path),
      settings_(std::move(settings)),
      books_(context.books),
      dropped_malformed_(books_.dropped("malformed")),
      dropped_shutdown_(books_.dropped("shutdown")),
      sent_spans_(context.metrics.counter("otelcol_exporter_sent_spans", "Spans written.",
                                          {{"exporter", context.id}})),
      send_failed_spans_(context.metrics.counter("otelcol_exporter_send_failed_spans",
                                                 "Spans dropped: malformed, or not written by the "
                                                 "end of the program.",
                                                 {{"exporter", context.id}})),
      write_errors_(context.metrics.counter("kernspan_exporter_write_errors",
                                            "Attempts to write that failed; the data was kept.",
                                            {{"exporter", context.id}})) {}

FileExporter::~FileExporter() {
  stop(std::chrono::steady_clock::now());
}

Status FileExporter::open() {
  const std::filesystem::path directory = std::filesystem::path(settings_.path).parent_path();
  if (settings_.create_directory && !directory.empty()) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) {
      return permanent(fmt::format("{}: cannot create the directory {}: {}", path_,
                                   directory.string(), error.message()));
    }
  }
  // Spans may hold what others should not read.
  constexpr mode_t kOwnerOnly = 0600;
  const int mode = O_WRONLY | O_CREAT | O_CLOEXEC | (settings_.append ? O_APPEND : O_TRUNC);
  fd_ = ::open(settings_.path.c_str(), mode, kOwnerOnly);
  if (fd_ >= 0) return {};
  const int error = errno;
  std::string advice;
  if (error == ENOENT) {
    advice =
        fmt::format("; create the directory {}, or set create_directory: true", directory.string());
  }
  return permanent(fmt::format("{}: cannot open {} for writing: {}{}", path_, settings_.path,
                               system_error_text(error), advice));
}

Status FileExporter::start() {
  const std::scoped_lock lock(mutex_);
  if (Status opened = open(); !opened) return opened;
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
  const Status written = write_pending();
  std::size_t lost = 0;
  for (const Line& line : lines_) lost += line.spans;
  if (lost != 0) {
    dropped_shutdown_.add(lost);
    send_failed_spans_.add(lost);
    books_.release(lost);
    log_error("{}: dropped {} spans at the end: {}", path_, lost, written.error().message);
  }
  lines_.clear();
  pending_.clear();
  ::close(fd_);
  fd_ = -1;
}

Status FileExporter::consume(otlp::Batch batch) {
  const std::size_t spans = batch.item_count();
  if (spans == 0) return {};
  std::string line;
  const otlp::JsonOutcome outcome = otlp::append_json(batch, line);
  line += '\n';

  const std::scoped_lock lock(mutex_);
  if (!running_) {
    books_.refuse(spans);
    return retryable(path_ + " is not running");
  }
  // One line may be larger than the bound: it is taken when nothing else waits.
  if (!pending_.empty() && pending_.size() + line.size() > kMaxPendingBytes) {
    if (Status written = write_pending(); !written) {
      books_.refuse(spans);
      return written;
    }
  }
  books_.take(spans);
  if (outcome.malformed_spans != 0) {
    dropped_malformed_.add(outcome.malformed_spans);
    send_failed_spans_.add(outcome.malformed_spans);
    KERNSPAN_LOG_LIMITED(kWarn, "{}: left out {} malformed spans", path_, outcome.malformed_spans);
  }
  if (outcome.spans == 0) return {};
  books_.hold(outcome.spans);
  pending_ += line;
  lines_.push_back({.bytes = line.size(), .spans = outcome.spans});
  if (pending_.size() >= kWriteThresholdBytes) {
    // An error leaves the data pending, for the next interval.
    static_cast<void>(write_pending());
  }
  return {};
}

Status FileExporter::flush() {
  const std::scoped_lock lock(mutex_);
  return write_pending();
}

Status FileExporter::write_pending() {
  std::size_t done = 0;
  Status result;
  while (done < pending_.size()) {
    const ssize_t count = ::write(fd_, pending_.data() + done, pending_.size() - done);
    if (count >= 0) {
      done += static_cast<std::size_t>(count);
    } else if (errno != EINTR) {
      const int error = errno;
      write_errors_.add();
      KERNSPAN_LOG_LIMITED(kError, "{}: cannot write to {}, will try again: {}", path_,
                           settings_.path, system_error_text(error));
      result = retryable(fmt::format("{}: cannot write to {}: {}", path_, settings_.path,
                                     system_error_text(error)));
      break;
    }
  }
  pending_.erase(0, done);
  written_ += done;
  settle_written_lines();
  return result;
}

void FileExporter::settle_written_lines() {
  while (!lines_.empty() && written_ >= lines_.front().bytes) {
    written_ -= lines_.front().bytes;
    books_.release(lines_.front().spans);
    books_.pass_on(lines_.front().spans);
    sent_spans_.add(lines_.front().spans);
    lines_.pop_front();
  }
}

void FileExporter::run() {
  std::unique_lock lock(mutex_);
  while (running_) {
    stopped_.wait_for(lock, settings_.flush_interval);
    static_cast<void>(write_pending());
  }
}

ExporterFactory file_exporter_factory() {
  return {.type = "file", .create = create};
}

}  // namespace kernspan
