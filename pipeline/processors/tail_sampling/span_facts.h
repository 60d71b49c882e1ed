// What policies ask of spans one by one is asked when the spans come, while their bytes are in the
// processor's caches: each question has a bit, and of a trace it is known which bits any of its
// spans (or their resources) has. A decision then looks at no span.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <variant>
#include <vector>

#include "pipeline/otlp/attribute_keys.h"
#include "pipeline/otlp/attribute_view.h"
#include "pipeline/otlp/span_questions.h"
#include "pipeline/processors/tail_sampling/trace_view.h"

namespace kernspan::sampling {

struct TextHash : std::hash<std::string_view> {
  using is_transparent = void;
};

struct IntInRange {
  std::int64_t min;
  std::int64_t max;

  bool operator==(const IntInRange&) const = default;
};
struct TextAmong {
  std::unordered_set<std::string, TextHash, std::equal_to<>> texts;
  std::uint64_t sizes = 0;  // bit n: one of them has n bytes; the last bit: or more

  void add(const std::string& text);
  bool contains(std::string_view text) const;
  bool operator==(const TextAmong&) const = default;
};
struct BoolIs {
  bool value;

  bool operator==(const BoolIs&) const = default;
};

// Of the first attribute of a key, of a span or a resource.
struct AttributeQuestion {
  std::string key;
  std::variant<IntInRange, TextAmong, BoolIs> is;

  bool matches(const otlp::ValueView& value) const;
  bool operator==(const AttributeQuestion&) const = default;
};

// Completed by those who make the policies, one thread; then any thread.
class SpanFacts {
 public:
  // The bit of a fact; nothing when all have been given away.
  using Bit = std::optional<std::uint32_t>;

  Bit add_status(std::uint8_t codes);  // a bit per otlp::StatusCode
  Bit add_sampled_flag();
  Bit add_attribute(const AttributeQuestion& question);
  // Once complete: attributes are found when spans are received, as far as they are.
  void ask(otlp::SpanQuestions& questions) { asked_.ask(keys_, questions); }

  // Of each span, with those of its resource.
  std::vector<std::uint64_t> of(const otlp::SpanIndex& index) const;
  // Of all of them.
  TraceFacts of(std::span<const HeldSpan> spans) const;

 private:
  static constexpr std::size_t kBits = 64;

  struct Attribute {
    AttributeQuestion question;
    otlp::AttributeKeys::Number key;
    std::uint32_t bit;
  };
  struct Status {
    std::uint8_t codes;
    std::uint32_t bit;
  };

  Bit next_bit();
  std::uint64_t of_attributes(std::string_view message, std::uint32_t field,
                              std::span<std::string_view> values) const;
  std::uint64_t of_fields(const otlp::IndexedSpan& span) const;

  std::uint64_t of_found(const otlp::SpanIndex& index, std::size_t span) const;

  otlp::AttributeKeys keys_;
  otlp::AskedKeys asked_;
  std::vector<Attribute> attributes_;
  std::vector<Status> statuses_;
  Bit sampled_flag_;
  std::uint32_t used_ = 0;
};

}  // namespace kernspan::sampling
