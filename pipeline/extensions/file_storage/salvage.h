#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"
#include "pipeline/extensions/file_storage/queue_record.h"

namespace kernspan::storage {

struct SalvageReport {
  std::uint64_t saved_records = 0;
  std::uint64_t saved_items = 0;
  // Records of which something is left, but not all.
  std::uint64_t damaged_records = 0;
  std::uint64_t damaged_items = 0;  // as their keys say
  // Records that the file counts and that were not found at all.
  std::uint64_t missing_records = 0;
  // No page says what was removed before the damage: some of what was saved may have been sent.
  bool may_repeat = false;
};

// Finds the records of a damaged queue file. First along the tree, as far as it is whole; and when
// pages of it are not, on every page of the file that looks like one of a queue. What it gives to
// `sink` has passed its checksum. An error is the sink's, or says that the file cannot be opened.
//
// Takes memory for the ids of all records, and for the largest one.
Result<SalvageReport> salvage_queue_file(
    const std::string& path,
    const std::function<Status(const RecordKey& key, std::string_view value)>& sink);

}  // namespace kernspan::storage
