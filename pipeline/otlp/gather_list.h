// Lists of slices under construction: what stays of a message stays where it is, what is new or
// small is copied next to each other.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

#include "pipeline/otlp/batch.h"

namespace kernspan::otlp {

// Memory for small pieces. Slices of it keep their block alive.
class SliceArena {
 public:
  Slice copy(std::string_view bytes);

 private:
  std::shared_ptr<char[]> block_;
  std::size_t used_ = 0;
  std::size_t capacity_ = 0;
};

class GatherList {
 public:
  explicit GatherList(SliceArena& arena) : arena_(&arena) {}

  // `bytes` are part of what `owner` keeps alive.
  void append(const Slice& owner, std::string_view bytes);
  void append_copy(std::string_view bytes);
  // `other` is left empty.
  void append(GatherList& other);

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  void clear();

  // The slices; neighbours that are small are joined. The list is left empty.
  std::vector<Slice> take();

 private:
  struct Piece {
    std::shared_ptr<const void> owner;
    std::string_view bytes;
  };

  SliceArena* arena_;
  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
};

}  // namespace kernspan::otlp
