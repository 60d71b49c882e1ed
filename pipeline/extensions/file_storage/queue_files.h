#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "pipeline/extensions/file_storage/queue_check.h"
#include "pipeline/extensions/file_storage/record_file.h"
#include "pipeline/extensions/file_storage/salvage.h"

namespace kernspan::storage {

// The file name of a component's queue, without its ending: kind, type and name as upstream names
// its own files ("exporter_otlp_backup"), with anything but letters, digits, '.', '-' and '_' as
// "~" and its code in hexadecimal.
std::string queue_file_name(std::string_view owner_path);

struct OpenedQueue {
  std::unique_ptr<RecordFile> file;
  CheckedQueue checked;
  std::optional<SalvageReport> salvaged;  // the file was damaged, and this is what came of it
};

// Opens a queue's file, or makes it. A damaged file is set aside as "<path>.corrupt-<time>", and
// what can be read of it is put into a new one. Nothing of the old file is touched before the new
// one is whole, so that an error (a full disk) loses nothing.
Result<OpenedQueue> open_queue_file(const RecordFileSettings& settings);

// Rewrites the file without its free pages: a copy at `temporary`, which then takes the file's
// place. The file must not be in use.
Status compact_queue_file(const RecordFileSettings& settings, std::unique_ptr<RecordFile>& file,
                          const std::string& temporary);

}  // namespace kernspan::storage
