#include "tools/kernspan/traces/span_lines.h"

namespace kernspan::tools {

void LineSplitter::append(std::string_view bytes) {
  if (skipping_) return;
  if (line_.size() + bytes.size() > line_bytes_max_) {
    line_ = {};  // gives the memory back
    skipping_ = true;
    ++lines_too_long_;
    return;
  }
  line_.append(bytes);
}

void LineSplitter::end_line(const std::function<void(std::string_view)>& take) {
  if (!skipping_ && !line_.empty()) take(line_);
  skipping_ = false;
  line_.clear();
}

void LineSplitter::feed(std::string_view bytes, const std::function<void(std::string_view)>& take) {
  while (true) {
    const std::size_t line_break = bytes.find('\n');
    append(bytes.substr(0, line_break));
    if (line_break == std::string_view::npos) return;
    end_line(take);
    bytes.remove_prefix(line_break + 1);
  }
}

void LineSplitter::finish(const std::function<void(std::string_view)>& take) {
  end_line(take);
}

void LineSplitter::restart() {
  line_.clear();
  skipping_ = false;
}

}  // namespace kernspan::tools
