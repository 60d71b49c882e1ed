#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/otlp/attribute_keys.h"
#include "pipeline/otlp/request_check.h"
#include "pipeline/otlp/span_index.h"

namespace kernspan::otlp {

// What the check of a request notes of its spans, in their order on the wire: all of an index but
// where they lie, which is known when the request has been cut into slices.
class SpanFindings {
 public:
  // `keys` outlive the index that is made of this.
  SpanFindings(const AttributeKeys& keys, std::size_t request_bytes);

  // The next span, to be filled in.
  IndexedSpan& begin_span(const char* content) {
    content_ = content;
    // A request with more of them is refused in the end.
    if (spans_.size() < max_spans_) {
      values_.resize(values_.size() + keys_.size());
      return spans_.emplace_back();
    }
    return spans_.back();
  }
  // An attribute of that span: a KeyValue of key and value, in order, with lengths of one byte.
  void see_plain_attribute(const char* key_value) {
    if (keys_.has_key_of(static_cast<std::uint8_t>(key_value[1]))) look_at_plain(key_value);
  }
  void see_attribute(std::string_view key_value);
  // That span once more, whatever it has; it is well-formed.
  void read_span(std::string_view content);

  const AttributeKeys& keys() const { return keys_; }
  const std::vector<IndexedSpan>& spans() const { return spans_; }
  std::vector<FoundValue> take_values() { return std::move(values_); }

 private:
  void look_at_plain(const char* key_value);
  void found(AttributeKeys::Number key, std::string_view value);
  FoundValue* row() { return values_.data() + values_.size() - keys_.size(); }

  const AttributeKeys& keys_;
  const std::size_t max_spans_;
  const char* content_ = nullptr;  // of the last span
  std::vector<IndexedSpan> spans_;
  std::vector<FoundValue> values_;  // of each span as many as there are keys
};

}  // namespace kernspan::otlp
