// Walks the slices of a batch down to its items. The bytes are well-formed (Batch's invariant), and
// every field below the three levels of nesting is whole in one slice; only the content of the
// request, of a ResourceSpans and of a ScopeSpans may go on in the next.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::otlp {

// A place in a list of slices that moves forwards.
class SliceCursor {
 public:
  explicit SliceCursor(std::span<const Slice> slices) : slices_(slices) { enter(); }

  bool at_end() {
    while (cursor_ == end_) {
      if (slice_ + 1 >= slices_.size()) return true;
      ++slice_;
      enter();
    }
    return false;
  }

  // A field's tag, and the length of its content when it is of type kBytes. Only behind at_end().
  struct Header {
    std::uint32_t number = 0;
    WireType type = WireType::kVarint;
    std::size_t length = 0;  // of the content; of a number's bytes
    std::size_t size = 0;    // tag and length
  };
  // Not behind the header yet. All zero where there is no field.
  Header peek() const {
    Header header;
    const char* cursor = cursor_;
    std::uint8_t type = 0;
    if (read_tag(cursor, end_, header.number, type) != WireError::kNone) return {};
    header.type = static_cast<WireType>(type);
    std::uint64_t value = 0;
    switch (header.type) {
      case WireType::kBytes:
        if (read_varint<5>(cursor, end_, value) != WireError::kNone) return {};
        header.length = value;
        break;
      case WireType::kVarint: {
        const char* behind = cursor;
        if (read_varint(behind, end_, value) != WireError::kNone) return {};
        header.length = static_cast<std::size_t>(behind - cursor);
        break;
      }
      case WireType::kFixed64:
        header.length = sizeof(std::uint64_t);
        break;
      case WireType::kFixed32:
        header.length = sizeof(std::uint32_t);
        break;
      default:
        return {};
    }
    header.size = static_cast<std::size_t>(cursor - cursor_);
    return header;
  }

  // Bytes of this slice from here on.
  std::size_t left() const { return static_cast<std::size_t>(end_ - cursor_); }
  std::uint32_t slice() const { return static_cast<std::uint32_t>(slice_); }
  std::uint32_t offset() const {
    return static_cast<std::uint32_t>(cursor_ - slices_[slice_].view().data());
  }

  // Within this slice.
  std::string_view take(std::size_t size) {
    size = std::min(size, left());
    const std::string_view bytes(cursor_, size);
    cursor_ += size;
    return bytes;
  }

  // Across slices: on_piece(slice, bytes) for each.
  template <typename OnPiece>
  void take_across(std::size_t size, OnPiece on_piece) {
    while (size != 0 && !at_end()) {
      const std::string_view piece = take(size);
      size -= piece.size();
      on_piece(slices_[slice_], piece);
    }
  }

 private:
  void enter() {
    if (slice_ >= slices_.size()) return;
    cursor_ = slices_[slice_].view().data();
    end_ = cursor_ + slices_[slice_].size();
  }

  std::span<const Slice> slices_;
  std::size_t slice_ = 0;
  const char* cursor_ = nullptr;
  const char* end_ = nullptr;
};

// The fields of a message whose content is `size` bytes from the cursor on: on_field(header), which
// consumes the field, header.size and header.length bytes. A message ends early where it is not
// well-formed.
template <typename OnField>
void walk_message(SliceCursor& cursor, std::size_t size, OnField on_field) {
  while (size != 0 && !cursor.at_end()) {
    const SliceCursor::Header header = cursor.peek();
    const std::size_t whole = header.size + header.length;
    if (header.number == 0 || whole > size) return;
    size -= whole;
    on_field(header);
  }
}

// Calls, in the order of the wire:
//   visitor.begin_resource(), visitor.resource_field(header, whole), visitor.end_resource(),
//   visitor.begin_scope(), visitor.scope_field(header, whole), visitor.end_scope(),
//   visitor.item(header, slice, offset, whole)
template <typename Visitor>
void walk_request(std::span<const Slice> slices, Visitor& visitor) {
  SliceCursor cursor(slices);
  const auto is = [](const SliceCursor::Header& header, std::uint32_t field) {
    return header.number == field && header.type == WireType::kBytes;
  };
  const auto scope_field = [&](const SliceCursor::Header& header) {
    const std::uint32_t slice = cursor.slice();
    const std::uint32_t offset = cursor.offset();
    const std::string_view whole = cursor.take(header.size + header.length);
    if (is(header, wire::scope_spans::kSpans)) {
      visitor.item(header, slice, offset, whole);
    } else {
      visitor.scope_field(header, whole);
    }
  };
  const auto resource_field = [&](const SliceCursor::Header& header) {
    if (!is(header, wire::resource_spans::kScopeSpans)) {
      visitor.resource_field(header, cursor.take(header.size + header.length));
      return;
    }
    cursor.take(header.size);
    visitor.begin_scope();
    walk_message(cursor, header.length, scope_field);
    visitor.end_scope();
  };
  std::size_t size = 0;
  for (const Slice& slice : slices) size += slice.size();
  walk_message(cursor, size, [&](const SliceCursor::Header& header) {
    if (!is(header, wire::request::kResourceSpans)) {
      cursor.take(header.size + header.length);
      return;
    }
    cursor.take(header.size);
    visitor.begin_resource();
    walk_message(cursor, header.length, resource_field);
    visitor.end_resource();
  });
}

}  // namespace kernspan::otlp
