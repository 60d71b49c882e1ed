#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "pipeline/otlp/attribute_keys.h"

namespace kernspan::otlp {

class SpanIndex;

// What the components of a process will ask of every span. A receiver that knows it has the answers
// noted while a request is checked (Batch::from_wire): then its bytes are walked once, and not once
// by each who asks. Completed before receivers start; from then on any thread may read it.
class SpanQuestions {
 public:
  // A request of 64 MiB may have four million spans, and each answer is a note of 8 bytes.
  static constexpr std::size_t kMaxAttributes = 16;

  // That Batch::index() will be called.
  void ask_for_index() { is_index_asked_for_ = true; }
  // The first attribute of that key. Nothing when there are too many: the caller looks itself.
  std::optional<AttributeKeys::Number> ask_for_attribute(std::string_view key) {
    ask_for_index();
    if (const auto known = keys_.number_of(key)) return known;
    if (keys_.size() == kMaxAttributes) return std::nullopt;
    return keys_.add(key);
  }

  bool is_index_asked_for() const { return is_index_asked_for_; }
  const AttributeKeys& keys() const { return keys_; }

 private:
  bool is_index_asked_for_ = false;
  AttributeKeys keys_;
};

// What one component has asked of the spans' attributes.
class AskedKeys {
 public:
  // All of the keys, which are complete; none when there are too many of them.
  void ask(const AttributeKeys& keys, SpanQuestions& questions);

  // Whether the index has their answers. If not, the component looks itself.
  bool are_answered(const SpanIndex& index) const;
  // SpanIndex::found() of a span has them by these numbers, in the order of the keys.
  std::span<const AttributeKeys::Number> numbers() const { return numbers_; }

 private:
  const AttributeKeys* asked_ = nullptr;  // of the questions; null: nothing was asked
  std::vector<AttributeKeys::Number> numbers_;
};

}  // namespace kernspan::otlp
