#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace kernspan::tools {

// Cuts a stream of bytes into lines, however they arrive. One thread.
class LineSplitter {
 public:
  // A batch of 8,192 spans, the `batch` processor's default, takes 15 to 20 MB of JSON.
  static constexpr std::size_t kLineBytesMax = std::size_t{64} << 20;

  explicit LineSplitter(std::size_t line_bytes_max = kLineBytesMax)
      : line_bytes_max_(line_bytes_max) {}

  // Calls `take` with each line that is whole now, without its line break; empty ones are left out.
  // What is behind the last line break waits for the next call. Lines that are too long are skipped
  // and counted.
  void feed(std::string_view bytes, const std::function<void(std::string_view)>& take);

  // The stream has ended: a last line without a line break counts as one.
  void finish(const std::function<void(std::string_view)>& take);

  // The stream starts anew: what waits is forgotten.
  void restart();

  std::size_t lines_too_long() const { return lines_too_long_; }

 private:
  void end_line(const std::function<void(std::string_view)>& take);
  void append(std::string_view bytes);

  const std::size_t line_bytes_max_;
  std::string line_;
  bool skipping_ = false;  // inside a line that is too long
  std::size_t lines_too_long_ = 0;
};

}  // namespace kernspan::tools
