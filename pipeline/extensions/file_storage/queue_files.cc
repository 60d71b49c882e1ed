#include "pipeline/extensions/file_storage/queue_files.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "pipeline/base/log.h"

namespace kernspan::storage {
namespace {

constexpr std::size_t kSalvageRecords = 256;
constexpr std::size_t kSalvageBytes = std::size_t{16} << 20;

std::unexpected<Error> failed(std::string_view what, const std::string& path) {
  return permanent(fmt::format("cannot {} {}: {}", what, path, std::strerror(errno)));
}

// A rename is on disk once its directory is.
Status sync_directory_of(const std::string& path) {
  const std::string directory = std::filesystem::path(path).parent_path();
  const int fd = ::open(directory.empty() ? "." : directory.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return failed("open", directory);
  const int code = ::fsync(fd);
  ::close(fd);
  // Some file systems cannot, and need not.
  if (code != 0 && errno != EINVAL) return failed("sync", directory);
  return {};
}

// Collects records so that each commit has many.
class SalvageWriter {
 public:
  explicit SalvageWriter(RecordFile& file) : file_(file) {}

  Status add(const RecordKey& key, std::string_view value) {
    records_.emplace_back(key, value);
    bytes_ += value.size();
    if (records_.size() < kSalvageRecords && bytes_ < kSalvageBytes) return {};
    return flush();
  }

  Status flush() {
    if (records_.empty()) return {};
    const Status written = file_.put(records_);
    records_.clear();
    bytes_ = 0;
    return written;
  }

 private:
  RecordFile& file_;
  std::vector<std::pair<RecordKey, std::string>> records_;
  std::size_t bytes_ = 0;
};

std::string corrupt_path(const std::string& path) {
  const std::string stem =
      fmt::format("{}.corrupt-{:%Y%m%dT%H%M%SZ}", path, fmt::gmtime(std::time(nullptr)));
  std::string chosen = stem;
  for (int i = 2; std::filesystem::exists(chosen); ++i) chosen = fmt::format("{}-{}", stem, i);
  return chosen;
}

// The old file gets a second name before the new one takes its first: at no moment is there none.
Status replace(const std::string& path, const std::string& fresh, const std::string& kept) {
  const bool linked = ::link(path.c_str(), kept.c_str()) == 0;
  if (!linked && ::rename(path.c_str(), kept.c_str()) != 0) return failed("rename", path);
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("rename", fresh);
  return sync_directory_of(path);
}

Result<SalvageReport> repair(const RecordFileSettings& settings, const std::string& problem) {
  const std::string fresh = settings.path + ".salvage";
  ::unlink(fresh.c_str());
  SalvageReport report;
  {
    RecordFileSettings fresh_settings = settings;
    fresh_settings.path = fresh;
    fresh_settings.sync = false;  // once, at the end
    auto file = RecordFile::open(fresh_settings);
    if (!file) return std::unexpected(file.error());
    SalvageWriter writer(**file);
    const auto saved = salvage_queue_file(
        settings.path,
        [&](const RecordKey& key, std::string_view value) { return writer.add(key, value); });
    if (!saved) return std::unexpected(saved.error());
    if (Status written = writer.flush(); !written) return std::unexpected(written.error());
    if (Status synced = (*file)->sync(); !synced) return std::unexpected(synced.error());
    report = *saved;
  }
  const std::string kept = corrupt_path(settings.path);
  if (Status replaced = replace(settings.path, fresh, kept); !replaced) {
    return std::unexpected(replaced.error());
  }
  log_error(
      "{} is damaged ({}): {} records with {} items were saved, {} damaged ones with {} items and "
      "{} that cannot be found are lost{}; the damaged file is kept as {}",
      settings.path, problem, report.saved_records, report.saved_items, report.damaged_records,
      report.damaged_items, report.missing_records,
      report.may_repeat ? "; some of the saved ones may have been sent before" : "", kept);
  return report;
}

}  // namespace

std::string queue_file_name(std::string_view owner_path) {
  // "exporters::otlp/backup"
  const std::size_t colons = owner_path.find("::");
  std::string_view kind = owner_path.substr(0, colons);
  std::string_view id = colons == std::string_view::npos ? "" : owner_path.substr(colons + 2);
  if (kind.ends_with('s')) kind.remove_suffix(1);
  const std::size_t slash = id.find('/');
  const std::string_view type = id.substr(0, slash);
  const std::string_view name = slash == std::string_view::npos ? "" : id.substr(slash + 1);
  std::string file_name;
  for (const char c : fmt::format("{}_{}_{}", kind, type, name)) {
    const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                          (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
    if (is_plain) {
      file_name += c;
    } else {
      file_name += fmt::format("~{:02X}", static_cast<unsigned char>(c));
    }
  }
  return file_name;
}

Result<OpenedQueue> open_queue_file(const RecordFileSettings& settings) {
  OpenedQueue opened;
  if (!std::filesystem::exists(settings.path)) {
    if (Status made = RecordFile::create(settings.path); !made) {
      return std::unexpected(made.error());
    }
    if (Status synced = sync_directory_of(settings.path); !synced) {
      return std::unexpected(synced.error());
    }
  }
  auto checked = check_queue_file(settings.path);
  if (!checked) {
    auto salvaged = repair(settings, checked.error().message);
    if (!salvaged) {
      return permanent(fmt::format("{} is damaged ({}) and cannot be repaired: {}", settings.path,
                                   checked.error().message, salvaged.error().message));
    }
    opened.salvaged = *salvaged;
    checked = check_queue_file(settings.path);
    if (!checked) return std::unexpected(checked.error());
  }
  opened.checked = *checked;
  auto file = RecordFile::open(settings);
  if (!file) return std::unexpected(file.error());
  opened.file = *std::move(file);
  return opened;
}

Status compact_queue_file(const RecordFileSettings& settings, std::unique_ptr<RecordFile>& file,
                          const std::string& temporary) {
  if (Status copied = file->copy_to(temporary); !copied) return copied;
  std::string fresh = temporary;
  if (std::filesystem::path(temporary).parent_path() !=
      std::filesystem::path(settings.path).parent_path()) {
    // It may be another file system, from which nothing can be renamed.
    fresh = settings.path + ".compacted";
    std::error_code problem;
    std::filesystem::copy_file(temporary, fresh, std::filesystem::copy_options::overwrite_existing,
                               problem);
    ::unlink(temporary.c_str());
    const int fd = problem ? -1 : ::open(fresh.c_str(), O_RDONLY | O_CLOEXEC);
    const bool synced = fd >= 0 && ::fsync(fd) == 0;
    if (fd >= 0) ::close(fd);
    if (!synced) {
      ::unlink(fresh.c_str());
      return permanent(fmt::format("cannot write {}: {}", fresh,
                                   problem ? problem.message() : std::strerror(errno)));
    }
  }
  file.reset();
  Status replaced;
  if (::rename(fresh.c_str(), settings.path.c_str()) != 0) {
    replaced = failed("rename", fresh);
    ::unlink(fresh.c_str());
  } else {
    replaced = sync_directory_of(settings.path);
  }
  auto opened = RecordFile::open(settings);
  if (!opened) return std::unexpected(opened.error());
  file = *std::move(opened);
  return replaced;
}

}  // namespace kernspan::storage
