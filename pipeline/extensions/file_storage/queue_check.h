#pragma once

#include <cstdint>
#include <string>

#include "pipeline/component/storage.h"

namespace kernspan::storage {

struct CheckedQueue {
  QueueContents contents;
  std::uint64_t last_id = 0;  // 0: the queue is empty
};

// Checks the structure of a queue file, so that LMDB may map it: every page of both trees, and that
// no page is used twice or lies behind the end of the file. Reads all tree pages, and the first
// bytes of each record that does not fit one; not the records themselves, which have checksums.
// The error says what is wrong with which page.
//
// Takes memory of one bit per page of the file.
Result<CheckedQueue> check_queue_file(const std::string& path);

}  // namespace kernspan::storage
