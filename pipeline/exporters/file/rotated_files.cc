#include "pipeline/exporters/file/rotated_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <functional>
#include <optional>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace kernspan {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kMillisecond = 1'000'000;
constexpr std::uint64_t kSecond = 1'000 * kMillisecond;
constexpr std::uint64_t kDaySeconds = 24 * 3600;
constexpr const char* kTimeFormat = "%Y-%m-%dT%H-%M-%S";

std::string timestamp(std::uint64_t wall_ns, bool local_time) {
  const auto seconds = static_cast<std::time_t>(wall_ns / kSecond);
  std::tm parts{};
  if (local_time) {
    localtime_r(&seconds, &parts);
  } else {
    gmtime_r(&seconds, &parts);
  }
  char text[32];
  const std::size_t size = std::strftime(text, sizeof text, kTimeFormat, &parts);
  return fmt::format("{}.{:03}", std::string_view(text, size), wall_ns % kSecond / kMillisecond);
}

// The seconds since the epoch that a name's timestamp stands for.
std::optional<std::uint64_t> parse_timestamp(const std::string& text, bool local_time) {
  std::tm parts{};
  const char* end = strptime(text.c_str(), kTimeFormat, &parts);
  if (end == nullptr || std::string_view(end).size() != 4 || *end != '.') return std::nullopt;
  parts.tm_isdst = -1;
  const std::time_t seconds = local_time ? std::mktime(&parts) : timegm(&parts);
  if (seconds < 0) return std::nullopt;
  return static_cast<std::uint64_t>(seconds);
}

struct Backup {
  std::string timestamp;  // sorts by age
  std::uint64_t seconds = 0;
  fs::path path;
};

// Newest first.
std::vector<Backup> find_backups(const fs::path& path, bool local_time, std::error_code& error) {
  const std::string prefix = path.stem().string() + "-";
  const std::string extension = path.extension().string();
  const fs::path directory = path.parent_path().empty() ? "." : path.parent_path();
  std::vector<Backup> backups;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix) || !name.ends_with(extension)) continue;
    if (name.size() < prefix.size() + extension.size()) continue;
    const std::string middle =
        name.substr(prefix.size(), name.size() - prefix.size() - extension.size());
    if (const auto seconds = parse_timestamp(middle, local_time)) {
      backups.push_back({middle, *seconds, entry->path()});
    }
  }
  std::ranges::sort(backups, std::greater<>{}, &Backup::timestamp);
  return backups;
}

}  // namespace

std::string backup_name(const std::string& path, std::uint64_t wall_ns, bool local_time) {
  const fs::path whole(path);
  const std::string name = fmt::format("{}-{}{}", whole.stem().string(),
                                       timestamp(wall_ns, local_time), whole.extension().string());
  return (whole.parent_path() / name).string();
}

Status put_aside(const std::string& path, std::uint64_t wall_ns, bool local_time) {
  std::error_code error;
  std::string name = backup_name(path, wall_ns, local_time);
  while (fs::exists(name, error)) {
    wall_ns += kMillisecond;
    name = backup_name(path, wall_ns, local_time);
  }
  fs::rename(path, name, error);
  if (!error) return {};
  return retryable(fmt::format("cannot rename {} to {}: {}", path, name, error.message()));
}

Status remove_old_backups(const std::string& path, const FileRotationSettings& settings,
                          std::uint64_t wall_ns) {
  if (settings.max_backups == 0 && settings.max_days == 0) return {};
  std::error_code error;
  const auto backups = find_backups(path, settings.local_time, error);
  const std::uint64_t now_s = wall_ns / kSecond;
  for (std::size_t i = 0; i < backups.size(); ++i) {
    const bool too_many = settings.max_backups != 0 && i >= settings.max_backups;
    const bool too_old =
        settings.max_days != 0 && backups[i].seconds + settings.max_days * kDaySeconds < now_s;
    std::error_code failed;
    if (too_many || too_old) fs::remove(backups[i].path, failed);
    if (failed) error = failed;
  }
  if (!error) return {};
  return retryable(fmt::format("cannot remove old files of {}: {}", path, error.message()));
}

}  // namespace kernspan
