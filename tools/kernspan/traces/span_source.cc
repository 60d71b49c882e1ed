#include "tools/kernspan/traces/span_source.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace kernspan::tools {
namespace {

constexpr std::size_t kReadBytes = std::size_t{1} << 20;

}  // namespace

SpanSource::~SpanSource() {
  close();
}

void SpanSource::close() {
  if (fd_ > STDIN_FILENO) ::close(fd_);
  fd_ = -1;
}

Status SpanSource::open() {
  const int fd = path_ == "-" ? STDIN_FILENO : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  struct stat status{};
  if (fd < 0 || ::fstat(fd, &status) != 0) {
    return permanent(
        fmt::format("cannot open {}: {}. It should be the file that the file exporter "
                    "writes (its setting `path`)",
                    path_, std::strerror(errno)));
  }
  close();
  fd_ = fd;
  offset_ = 0;
  if (S_ISDIR(status.st_mode)) {
    return permanent(fmt::format("{} is a folder; name the file in it", path_));
  }
  is_file_ = S_ISREG(status.st_mode);
  device_ = status.st_dev;
  inode_ = status.st_ino;
  return {};
}

void SpanSource::skip_to_end() {
  if (!is_file_) return;
  const off_t end = ::lseek(fd_, 0, SEEK_END);
  if (end > 0) offset_ = end;
}

Result<SpanSource::State> SpanSource::read(const std::function<void(std::string_view)>& take,
                                           std::chrono::milliseconds pipe_wait) {
  std::vector<char> buffer(kReadBytes);
  while (true) {
    pollfd readable{.fd = fd_, .events = POLLIN, .revents = 0};
    if (!is_file_ && ::poll(&readable, 1, static_cast<int>(pipe_wait.count())) <= 0) {
      return State::kMore;
    }
    const ssize_t count = ::read(fd_, buffer.data(), buffer.size());
    if (count == 0) return is_file_ ? State::kCaughtUp : State::kEnded;
    if (count < 0) {
      if (errno == EINTR) continue;
      return permanent(fmt::format("cannot read {}: {}", path_, std::strerror(errno)));
    }
    offset_ += count;
    take({buffer.data(), static_cast<std::size_t>(count)});
    if (!is_file_) return State::kMore;
  }
}

bool SpanSource::reopen_if_replaced() {
  if (!is_file_) return false;
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return false;
  const bool is_same = status.st_dev == device_ && status.st_ino == inode_;
  if (is_same && status.st_size >= offset_) return false;
  return open().has_value();
}

}  // namespace kernspan::tools
