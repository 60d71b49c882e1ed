#pragma once

#include <chrono>
#include <string>
#include <utility>

#include "pipeline/base/error.h"

namespace kernspan::storage {

// Keeps every other process, and every other queue of this one, from a queue's files. The kernel
// lets go of it when the process ends, however it ends.
class QueueLock {
 public:
  // Makes the lock file when it is missing, and tries for `patience`.
  static Result<QueueLock> acquire(const std::string& path, std::chrono::nanoseconds patience);

  QueueLock() = default;
  QueueLock(QueueLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  QueueLock& operator=(QueueLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~QueueLock();

 private:
  int fd_ = -1;
};

}  // namespace kernspan::storage
