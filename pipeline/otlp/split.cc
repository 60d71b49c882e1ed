#include "pipeline/otlp/split.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <span>
#include <utility>

#include "pipeline/otlp/request_builder.h"
#include "pipeline/otlp/request_tree_builder.h"
#include "pipeline/otlp/request_walk.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan::otlp {
namespace {

// A span, or a metric.
struct Item {
  SlicePosition position;
  std::uint32_t scope = 0;
  std::uint32_t count = 1;  // data points of a metric
};

class ItemCollector : public RequestTreeBuilder {
 public:
  ItemCollector(RequestTree& tree, std::vector<Item>& items, Signal signal)
      : RequestTreeBuilder(tree), items_(items), signal_(signal) {}

  void item(const SliceCursor::Header& header, std::uint32_t slice, std::uint32_t offset,
            std::string_view whole) {
    Item& item = items_.emplace_back();
    item.position = {
        .slice = slice, .offset = offset, .size = static_cast<std::uint32_t>(whole.size())};
    item.scope = current_scope();
    if (signal_ == Signal::kMetrics) item.count = data_points(whole.substr(header.size));
  }

 private:
  static bool is_data(std::uint32_t field) {
    switch (field) {
      case wire::metric::kGauge:
      case wire::metric::kSum:
      case wire::metric::kHistogram:
      case wire::metric::kExponentialHistogram:
      case wire::metric::kSummary:
        return true;
      default:
        return false;
    }
  }

  static std::uint32_t data_points(std::string_view metric) {
    std::uint32_t points = 0;
    WireReader fields(metric);
    for (WireField field; fields.next(field);) {
      if (field.type != WireType::kBytes || !is_data(field.number)) continue;
      WireReader data(field.bytes);
      for (WireField point; data.next(point);) {
        if (point.is_bytes(wire::metric::kDataPoints)) ++points;
      }
    }
    return points;
  }

  std::vector<Item>& items_;
  const Signal signal_;
};

struct Items {
  explicit Items(const Batch& batch) {
    tree.slices = batch.slices();
    items.reserve(batch.item_count());
    ItemCollector collector(tree, items, batch.signal());
    walk_request(tree.slices, collector);
  }

  RequestTree tree;
  std::vector<Item> items;
};

}  // namespace

std::vector<Batch> split(Batch batch, std::size_t max_items) {
  std::vector<Batch> pieces;
  if (batch.item_count() <= max_items) {
    pieces.push_back(std::move(batch));
    return pieces;
  }
  const Items all(batch);
  RequestBuilder builder(all.tree, batch.signal());
  bool is_open = false;
  for (const Item& item : all.items) {
    if (is_open && builder.item_count() + item.count > max_items) {
      pieces.push_back(builder.take());
    }
    builder.add(item.scope, item.position, item.count);
    is_open = true;
  }
  if (is_open) pieces.push_back(builder.take());
  return pieces;
}

SplitByBytes split_by_bytes(Batch batch, std::size_t max_bytes) {
  SplitByBytes result;
  if (batch.byte_count() <= max_bytes) {
    result.batches.push_back(std::move(batch));
    return result;
  }
  const Items all(batch);
  RequestBuilder builder(all.tree, batch.signal());
  bool is_open = false;
  const auto close = [&] {
    if (builder.byte_count() > max_bytes) ++result.too_large;
    result.batches.push_back(builder.take());
  };
  for (const Item& item : all.items) {
    if (is_open && builder.byte_count_with(item.scope, item.position.size) > max_bytes) close();
    builder.add(item.scope, item.position, item.count);
    is_open = true;
  }
  if (is_open) close();
  return result;
}

std::vector<TracePart> split_by_trace(const Batch& batch) {
  const SpanIndex index(batch);
  const auto spans = index.spans();
  // Sorted, not hashed: ids come from outside, and may have been made to collide.
  std::vector<std::uint32_t> order(index.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::sort(order, [&](std::uint32_t a, std::uint32_t b) {
    const int compared = std::memcmp(spans[a].trace_id.bytes.data(), spans[b].trace_id.bytes.data(),
                                     sizeof(TraceId));
    return compared != 0 ? compared < 0 : a < b;
  });
  std::vector<std::span<const std::uint32_t>> traces;
  for (auto begin = order.begin(); begin != order.end();) {
    const auto end = std::find_if(begin, order.end(), [&](std::uint32_t span) {
      return spans[span].trace_id != spans[*begin].trace_id;
    });
    traces.emplace_back(begin, end);
    begin = end;
  }
  std::ranges::sort(traces, {}, [](const auto& trace) { return trace.front(); });

  std::vector<TracePart> parts;
  parts.reserve(traces.size());
  RequestBuilder builder(index.tree(), batch.signal());
  for (const auto& trace : traces) {
    for (const std::uint32_t span : trace) builder.add(spans[span].scope, spans[span].position);
    parts.push_back({spans[trace.front()].trace_id, builder.take()});
  }
  return parts;
}

}  // namespace kernspan::otlp
