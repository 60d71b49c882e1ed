#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/gather_list.h"
#include "pipeline/otlp/request_tree.h"

namespace kernspan::otlp {

// Builds batches from items of a tree, which outlives it: resources and scopes are repeated where
// they change. Items that lay next to each other stay in one slice.
class RequestBuilder {
 public:
  RequestBuilder(const RequestTree& tree, Signal signal) : tree_(tree), signal_(signal) {}

  // `items` is what the item counts for: 1 for a span, its data points for a metric.
  void add(std::uint32_t scope, SlicePosition position, std::size_t items = 1);
  // An item that is not in the tree: its content, copied.
  void add_new(std::uint32_t scope, std::string_view content);

  std::size_t item_count() const { return items_; }
  // Of take() now, and of take() after an item of that size in that scope was added.
  std::size_t byte_count() const;
  std::size_t byte_count_with(std::uint32_t scope, std::size_t item_size) const;

  // What was added; the builder starts over.
  Batch take();

 private:
  static constexpr std::uint32_t kNone = 0xFFFF'FFFF;

  void enter(std::uint32_t scope);
  void close_scope();
  void close_resource();

  const RequestTree& tree_;
  const Signal signal_;
  SliceArena arena_;
  GatherList request_{arena_};
  GatherList resource_{arena_};  // content of the open ResourceSpans
  GatherList scope_{arena_};     // content of the open ScopeSpans
  std::uint32_t open_scope_ = kNone;
  std::uint32_t open_resource_ = kNone;
  std::size_t items_ = 0;
  std::string item_;  // of add_new(); reused
};

}  // namespace kernspan::otlp
