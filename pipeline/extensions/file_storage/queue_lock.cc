#include "pipeline/extensions/file_storage/queue_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <thread>

namespace kernspan::storage {
namespace {

constexpr std::chrono::milliseconds kRetryInterval{20};

// What the holder wrote into the lock file.
std::string holder_of(int fd) {
  char text[32] = {};
  const ssize_t got = ::pread(fd, text, sizeof text - 1, 0);
  return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : "unknown";
}

}  // namespace

Result<QueueLock> QueueLock::acquire(const std::string& path, std::chrono::nanoseconds patience) {
  QueueLock lock;
  lock.fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock.fd_ < 0) {
    return permanent(fmt::format("cannot write {}: {}", path, std::strerror(errno)));
  }
  const auto deadline = std::chrono::steady_clock::now() + patience;
  while (::flock(lock.fd_, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) {
      return permanent(fmt::format("cannot lock {}: {}", path, std::strerror(errno)));
    }
    if (std::chrono::steady_clock::now() >= deadline) {
      return permanent(fmt::format(
          "{} is locked by the process {}: two programs, or two exporters of one id, use the same "
          "directory; give each its own",
          path, holder_of(lock.fd_)));
    }
    std::this_thread::sleep_for(kRetryInterval);
  }
  const std::string pid = std::to_string(::getpid());
  if (::ftruncate(lock.fd_, 0) != 0 || ::pwrite(lock.fd_, pid.data(), pid.size(), 0) < 0) {
    // Only a message needs it; the disk may be full.
  }
  return lock;
}

QueueLock::~QueueLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace kernspan::storage
