#include "pipeline/exporters/file/file_settings.h"

#include <algorithm>

#include "pipeline/component/config_reader.h"

namespace kernspan {
namespace {

void read_rotation(ConfigReader& reader, FileExporterSettings* settings) {
  // Present without a value is on, as upstream.
  if (reader.node("rotation") == nullptr) return;
  FileRotationSettings& rotation = settings->rotation.emplace();
  ConfigReader& keys = reader.section("rotation");
  constexpr std::uint64_t kMegabyte = 1 << 20;
  std::uint64_t megabytes = rotation.max_bytes / kMegabyte;
  keys.integer<std::uint64_t>("max_megabytes", &megabytes, 0, 1 << 20);
  if (megabytes != 0) rotation.max_bytes = megabytes * kMegabyte;  // 0: the default, as upstream
  keys.integer<std::uint32_t>("max_days", &rotation.max_days, 0, 36'500);
  keys.integer<std::uint32_t>("max_backups", &rotation.max_backups, 0, 100'000);
  keys.boolean("localtime", &rotation.local_time);
  if (settings->append) {
    reader.error("append", "and rotation exclude each other: rotated files are always appended to");
  }
}

void read_group_by(ConfigReader& reader, FileExporterSettings* settings) {
  ConfigReader& keys = reader.section("group_by");
  bool enabled = false;
  FileGroupSettings group;
  keys.boolean("enabled", &enabled);
  keys.string("resource_attribute", &group.resource_attribute);
  keys.integer<std::size_t>("max_open_files", &group.max_open_files, 1, 10'000);
  if (!enabled) return;
  if (std::ranges::count(settings->path, '*') != 1) {
    reader.error("path", "must contain exactly one * when group_by is enabled");
  } else if (settings->path.starts_with('*')) {
    reader.error("path", "must not start with * when group_by is enabled");
  }
  if (group.resource_attribute.empty()) {
    keys.error("resource_attribute", "must not be empty when group_by is enabled");
  }
  settings->group_by = group;
}

}  // namespace

Result<FileExporterSettings> read_file_exporter_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         ConfigWarnings& warnings) {
  FileExporterSettings settings;
  ConfigReader reader(node, warnings, path);
  reader.require("path", "say which file to write");
  reader.string("path", &settings.path);
  reader.choice("format", &settings.format,
                {{"json", FileFormat::kJson}, {"proto", FileFormat::kProto}});
  reader.choice("compression", &settings.zstd, {{"zstd", true}, {"", false}});
  reader.boolean("append", &settings.append);
  reader.boolean("create_directory", &settings.create_directory);
  reader.duration("flush_interval", &settings.flush_interval, std::chrono::milliseconds{1});
  read_rotation(reader, &settings);
  read_group_by(reader, &settings);
  if (reader.node("encoding") != nullptr) {
    reader.error("encoding", "extensions for encodings are not supported: use format");
  }
  reader.ignored("directory_permissions", "directories are made with 0755, without the umask's");
  if (Status read = reader.finish(); !read) return std::unexpected(read.error());
  return settings;
}

}  // namespace kernspan
