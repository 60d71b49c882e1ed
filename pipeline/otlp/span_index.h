#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

#include "pipeline/base/ids.h"
#include "pipeline/otlp/attribute_keys.h"
#include "pipeline/otlp/batch.h"
#include "pipeline/otlp/request_tree.h"
#include "pipeline/otlp/span_view.h"

namespace kernspan::otlp {

// 72 bytes per span, whatever its size.
struct IndexedSpan {
  TraceId trace_id;
  SpanId span_id;
  SpanId parent_span_id;
  std::uint64_t start_time_unix_ns = 0;
  std::uint64_t end_time_unix_ns = 0;
  SlicePosition position;   // the `spans` field, in tree().slices
  std::uint32_t scope = 0;  // in tree().scopes
  std::uint32_t flags = 0;
  SpanKind kind = SpanKind::kUnspecified;
  StatusCode status_code = StatusCode::kUnset;
  std::uint8_t header_size = 0;  // of tag and length, in front of the span's content
};
static_assert(sizeof(IndexedSpan) == 72);

// Reads what a span says of itself, whatever it has; `content` is well-formed. The entry is fresh.
void read_any_span(std::string_view content, IndexedSpan& entry);

// An attribute's encoded AnyValue, in the content of a span.
struct FoundValue {
  static constexpr std::uint32_t kNowhere = 0xFFFF'FFFF;

  std::uint32_t offset = kNowhere;
  std::uint32_t size = 0;

  bool is_there() const { return offset != kNowhere; }
};

class SpanFindings;

// Where the spans of a batch are and what decisions are commonly made by. Made by one walk; keeps
// the bytes alive. Several threads may read one.
class SpanIndex {
 public:
  // A batch of traces; its bytes are well-formed.
  explicit SpanIndex(const Batch& batch);
  // The same, of a batch whose check has found all of that.
  SpanIndex(const Batch& batch, SpanFindings findings);
  // The same of a copy of the bytes, cut into slices of the same sizes. Keeps none of the others,
  // and no found values.
  SpanIndex(const SpanIndex& other, std::vector<Slice> copy);

  std::span<const IndexedSpan> spans() const { return *spans_; }
  std::size_t size() const { return spans_->size(); }

  std::string_view bytes(std::size_t span) const {
    const IndexedSpan& entry = (*spans_)[span];
    return tree_.bytes(entry.position).substr(entry.header_size);
  }
  SpanView view(std::size_t span) const { return SpanView(bytes(span)); }
  ValueView find_attribute(std::size_t span, std::string_view key) const {
    return otlp::find_attribute({bytes(span), wire::span::kAttributes}, key);
  }
  ScopeView scope_of(std::size_t span) const {
    return ScopeView(tree_.scopes[(*spans_)[span].scope].scope);
  }
  std::uint32_t resource_number(std::size_t span) const {
    return tree_.scopes[(*spans_)[span].scope].resource;
  }
  ResourceView resource_of(std::size_t span) const {
    return ResourceView(tree_.resources[resource_number(span)].resource);
  }

  // The keys that have been looked for in all spans; null: none. Compared, not read.
  const AttributeKeys* looked_for() const { return keys_; }
  // As AttributeKeys::find() has it, of one of those keys.
  std::string_view found(std::size_t span, AttributeKeys::Number key) const {
    const FoundValue& value = values_[span * key_count_ + key];
    return value.is_there() ? bytes(span).substr(value.offset, value.size) : std::string_view();
  }

  const RequestTree& tree() const { return tree_; }

 private:
  RequestTree tree_;
  std::shared_ptr<const std::vector<IndexedSpan>> spans_;
  const AttributeKeys* keys_ = nullptr;
  std::size_t key_count_ = 0;
  std::vector<FoundValue> values_;
};

}  // namespace kernspan::otlp
