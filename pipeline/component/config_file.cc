#include "pipeline/component/config_file.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace kernspan {
namespace {

constexpr std::size_t kMostFileBytes = 16u << 20;
constexpr std::size_t kMostIncludedBytes = 1u << 20;
constexpr std::size_t kPieceBytes = 64u << 10;

class File {
 public:
  File(const std::string& path, int flags)
      : fd_(open(path.c_str(), O_RDONLY | O_CLOEXEC | flags)) {}
  ~File() {
    if (fd_ >= 0) close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool is_open() const { return fd_ >= 0; }

  bool is_regular() const {
    struct stat status{};
    return fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
  }

  // The rest of the file, or the first `most_bytes` + 1 of it; nothing and errno on an error.
  bool read_all(std::size_t most_bytes, std::string& text) const {
    while (text.size() <= most_bytes) {
      const std::size_t before = text.size();
      text.resize(before + std::min(kPieceBytes, most_bytes + 1 - before));
      const ssize_t count = read(fd_, text.data() + before, text.size() - before);
      text.resize(before + static_cast<std::size_t>(std::max<ssize_t>(count, 0)));
      if (count == 0) return true;
      if (count < 0 && errno != EINTR) return false;
    }
    return true;
  }

 private:
  const int fd_;
};

Result<std::string> read_bounded(const File& file, const std::string& path,
                                 std::size_t most_bytes) {
  std::string text;
  if (!file.is_open() || !file.read_all(most_bytes, text)) {
    return permanent(
        fmt::format("{}: cannot be read: {}; check the path", path, std::strerror(errno)));
  }
  if (text.size() > most_bytes) {
    return permanent(
        fmt::format("{}: larger than {} bytes; is this a configuration?", path, most_bytes));
  }
  return text;
}

}  // namespace

Result<std::string> read_config_file(const std::string& path) {
  return read_bounded(File(path, 0), path, kMostFileBytes);
}

Result<std::string> read_included_file(const std::string& path) {
  const File file(path, O_NONBLOCK);  // opening a pipe that nobody writes to would wait
  if (file.is_open() && !file.is_regular()) {
    return permanent(fmt::format("{}: is not a regular file", path));
  }
  return read_bounded(file, path, kMostIncludedBytes);
}

}  // namespace kernspan
