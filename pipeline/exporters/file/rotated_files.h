// The names of rotated files, as lumberjack gives them: spans.jsonl becomes
// spans-2026-01-31T13-05-09.123.jsonl.
#pragma once

#include <cstdint>
#include <string>

#include "pipeline/base/error.h"
#include "pipeline/exporters/file/file_settings.h"

namespace kernspan {

// The name that `path` gets when it is put aside at that time.
std::string backup_name(const std::string& path, std::uint64_t wall_ns, bool local_time);

// Puts the file aside; an older one of the same millisecond is not overwritten.
Status put_aside(const std::string& path, std::uint64_t wall_ns, bool local_time);

// Removes the oldest files that were put aside until the settings are met. Only names of the form
// above count. An error leaves the others.
Status remove_old_backups(const std::string& path, const FileRotationSettings& settings,
                          std::uint64_t wall_ns);

}  // namespace kernspan
