#include "pipeline/otlp/gather_list.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <utility>

namespace kernspan::otlp {
namespace {

// A slice costs a transport about what copying this many bytes does.
constexpr std::size_t kSmall = 1024;
constexpr std::size_t kBlockSize = 4096;

}  // namespace

Slice SliceArena::copy(std::string_view bytes) {
  if (bytes.size() > capacity_ - used_) {
    capacity_ = std::max(kBlockSize, bytes.size());
    block_ = std::make_shared_for_overwrite<char[]>(capacity_);
    used_ = 0;
  }
  char* const begin = block_.get() + used_;
  if (!bytes.empty()) std::memcpy(begin, bytes.data(), bytes.size());
  used_ += bytes.size();
  return {block_, {begin, bytes.size()}};
}

void GatherList::append(const Slice& owner, std::string_view bytes) {
  if (bytes.empty()) return;
  size_ += bytes.size();
  if (!pieces_.empty()) {
    Piece& last = pieces_.back();
    const bool is_next = last.bytes.data() + last.bytes.size() == bytes.data();
    if (is_next && last.owner == owner.owner()) {
      last.bytes = {last.bytes.data(), last.bytes.size() + bytes.size()};
      return;
    }
  }
  pieces_.push_back({owner.owner(), bytes});
}

void GatherList::append_copy(std::string_view bytes) {
  if (bytes.empty()) return;
  const Slice copy = arena_->copy(bytes);
  append(copy, copy.view());
}

void GatherList::append(GatherList& other) {
  pieces_.insert(pieces_.end(), std::make_move_iterator(other.pieces_.begin()),
                 std::make_move_iterator(other.pieces_.end()));
  size_ += other.size_;
  other.clear();
}

void GatherList::clear() {
  pieces_.clear();
  size_ = 0;
}

std::vector<Slice> GatherList::take() {
  std::vector<Slice> slices;
  for (std::size_t i = 0; i < pieces_.size();) {
    std::size_t end = i;
    std::size_t size = 0;
    while (end < pieces_.size() && pieces_[end].bytes.size() < kSmall) {
      size += pieces_[end++].bytes.size();
    }
    if (end - i < 2) {
      slices.emplace_back(std::move(pieces_[i].owner), pieces_[i].bytes);
      ++i;
      continue;
    }
    auto block = std::make_shared_for_overwrite<char[]>(size);
    char* cursor = block.get();
    for (; i < end; ++i) {
      std::memcpy(cursor, pieces_[i].bytes.data(), pieces_[i].bytes.size());
      cursor += pieces_[i].bytes.size();
    }
    const std::string_view bytes(block.get(), size);
    slices.emplace_back(std::move(block), bytes);
  }
  clear();
  return slices;
}

}  // namespace kernspan::otlp
