#include "pipeline/extensions/pprof/cpu_profiler.h"

#include <fmt/format.h>
#include <gperftools/profiler.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace kernspan {
namespace {

// A file in memory: an image without a writable folder can be profiled as well.
class MemoryFile {
 public:
  MemoryFile() : fd_(memfd_create("kernspan-profile", MFD_CLOEXEC)) {}
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  ~MemoryFile() {
    if (fd_ >= 0) close(fd_);
  }

  bool is_open() const { return fd_ >= 0; }
  std::string path() const { return fmt::format("/proc/self/fd/{}", fd_); }
  std::string content() const {
    std::string text;
    std::array<char, 65536> piece;
    ssize_t got = 0;
    while ((got = pread(fd_, piece.data(), piece.size(), static_cast<off_t>(text.size()))) > 0) {
      text.append(piece.data(), static_cast<std::size_t>(got));
    }
    return text;
  }

 private:
  const int fd_;
};

}  // namespace

Result<SampledStacks> sample_cpu(const std::function<void()>& wait) {
  const MemoryFile file;
  if (!file.is_open()) {
    return retryable(fmt::format("no file in memory can be made: {}", std::strerror(errno)));
  }
  if (ProfilerStart(file.path().c_str()) == 0) {
    return retryable("another profile is being taken; ask again when it is done");
  }
  wait();
  ProfilerStop();
  return parse_sampled_stacks(file.content());
}

}  // namespace kernspan
