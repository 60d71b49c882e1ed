#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "pipeline/base/error.h"

namespace kernspan::tools {

// The bytes of a file that may still grow, be truncated, or be replaced by another of the same name
// (rotation); "-" is the standard input. One thread.
class SpanSource {
 public:
  explicit SpanSource(std::string path) : path_(std::move(path)) {}
  ~SpanSource();
  SpanSource(const SpanSource&) = delete;
  SpanSource& operator=(const SpanSource&) = delete;

  // An error when there is no such file, or it cannot be read. Not for directories.
  Status open();
  void skip_to_end();

  enum class State {
    kMore,      // a pipe that is still open
    kCaughtUp,  // at the present end of a file
    kEnded,     // at the end of a pipe
  };
  // Calls `take` with what there is. Waits up to `pipe_wait` for a pipe, never for a file.
  Result<State> read(const std::function<void(std::string_view)>& take,
                     std::chrono::milliseconds pipe_wait);

  // Has the file been truncated or replaced since it was opened? If so, it is open at its start
  // again. A path that is gone for the moment is not an error: another file will come.
  bool reopen_if_replaced();

 private:
  void close();

  const std::string path_;
  int fd_ = -1;
  bool is_file_ = false;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  off_t offset_ = 0;
};

}  // namespace kernspan::tools
