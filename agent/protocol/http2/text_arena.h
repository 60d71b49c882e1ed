// Memory for the texts of one header block: what was added stays where it is until clear().
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

namespace kernspan::http2 {

class TextArena {
 public:
  // A copy of `text` that lives until clear().
  std::string_view add(std::string_view text) {
    if (text.empty()) return {"", 0};
    if (chunks_.empty() || chunks_.back().size - used_ < text.size()) grow(text.size());
    char* copy = chunks_.back().bytes.get() + used_;
    std::memcpy(copy, text.data(), text.size());
    used_ += text.size();
    total_ += text.size();
    return {copy, text.size()};
  }

  // Forgets all texts. One chunk is kept for the next block, as large as this one needed within
  // bounds, so that blocks of usual sizes need no allocation.
  void clear() {
    if (chunks_.size() > 1) {
      const std::size_t wanted = std::min(total_ + total_ / 4, kKeptBytesMax);
      chunks_.clear();
      append_chunk(wanted);
    } else if (!chunks_.empty() && chunks_.front().size > kKeptBytesMax) {
      chunks_.clear();
    }
    used_ = 0;
    total_ = 0;
  }

 private:
  static constexpr std::size_t kChunkBytesMin = 512;
  static constexpr std::size_t kKeptBytesMax = 4096;

  struct Chunk {
    std::unique_ptr<char[]> bytes;
    std::size_t size = 0;
  };

  void grow(std::size_t bytes) {
    const std::size_t doubled = chunks_.empty() ? kChunkBytesMin : chunks_.back().size * 2;
    append_chunk(std::max(bytes, std::min(doubled, 4 * kKeptBytesMax)));
  }
  void append_chunk(std::size_t bytes) {
    chunks_.push_back({std::make_unique_for_overwrite<char[]>(bytes), bytes});
    used_ = 0;
  }

  std::vector<Chunk> chunks_;
  std::size_t used_ = 0;   // of the last chunk
  std::size_t total_ = 0;  // since clear()
};

}  // namespace kernspan::http2
