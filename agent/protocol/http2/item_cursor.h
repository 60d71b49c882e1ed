// The items of one record (bpf/abi/http2_items.h), one after the other.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <string_view>

#include "bpf/abi/http2_items.h"

namespace kernspan::http2 {

struct Item {
  ks_http2_item head;
  std::string_view bytes;  // head.bytes of them

  bool is_cut() const { return (head.flags & KS_HTTP2_CUT) != 0; }
};

class ItemCursor {
 public:
  // Borrows `items`, and so do the items that it gives.
  explicit ItemCursor(std::string_view items) : left_(items) {}

  // nullopt at the end, and where an item does not fit into what is left.
  std::optional<Item> next() {
    if (left_.empty()) return std::nullopt;
    Item item;
    if (left_.size() < sizeof item.head) return stop();
    std::memcpy(&item.head, left_.data(), sizeof item.head);
    left_.remove_prefix(sizeof item.head);
    const std::size_t padded = (item.head.bytes + kAlignment - 1) / kAlignment * kAlignment;
    if (left_.size() < padded) return stop();
    item.bytes = left_.substr(0, item.head.bytes);
    left_.remove_prefix(padded);
    return item;
  }

  // The last next() found an item that does not fit.
  bool malformed() const { return malformed_; }

 private:
  static constexpr std::size_t kAlignment = 8;

  std::optional<Item> stop() {
    malformed_ = true;
    left_ = {};
    return std::nullopt;
  }

  std::string_view left_;
  bool malformed_ = false;
};

}  // namespace kernspan::http2
