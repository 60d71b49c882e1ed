#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "pipeline/base/error.h"
#include "pipeline/component/config_node.h"

namespace kernspan {

enum class FileFormat { kJson, kProto };

struct FileRotationSettings {
  std::uint64_t max_bytes = 100 << 20;  // max_megabytes, of 2^20 bytes as upstream counts them
  std::uint32_t max_days = 0;           // 0: no bound
  std::uint32_t max_backups = 100;      // 0: no bound
  bool local_time = false;              // in the names of old files
};

// One file per value of a resource attribute, which takes the place of the * in the path.
struct FileGroupSettings {
  std::string resource_attribute = "fileexporter.path_segment";
  std::size_t max_open_files = 100;
};

struct FileExporterSettings {
  std::string path = {};
  FileFormat format = FileFormat::kJson;
  bool zstd = false;
  bool append = false;  // false: what the file held is lost at the start, as upstream
  bool create_directory = false;
  std::chrono::nanoseconds flush_interval = std::chrono::seconds{1};
  std::optional<FileRotationSettings> rotation = {};
  std::optional<FileGroupSettings> group_by = {};
};

// `path` is how messages call the settings.
Result<FileExporterSettings> read_file_exporter_settings(const ConfigNode& node,
                                                         const std::string& path,
                                                         ConfigWarnings& warnings);

}  // namespace kernspan
