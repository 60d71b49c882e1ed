#include "pipeline/processors/tail_sampling/span_facts.h"

#include <algorithm>
#include <utility>

#include "pipeline/otlp/wire_fields.h"

namespace kernspan::sampling {
namespace {

using otlp::ValueKind;
using otlp::ValueView;

constexpr std::uint64_t mask_of(std::uint32_t bit) {
  return std::uint64_t{1} << bit;
}

constexpr std::uint64_t size_bit(std::size_t size) {
  return std::uint64_t{1} << std::min<std::size_t>(size, 63);
}

bool holds(const IntInRange& range, const ValueView& value) {
  return value.kind() == ValueKind::kInt && value.as_int() >= range.min &&
         value.as_int() <= range.max;
}

bool holds(const TextAmong& among, const ValueView& value) {
  return value.kind() == ValueKind::kString && among.contains(value.as_string());
}

bool holds(const BoolIs& is, const ValueView& value) {
  return value.kind() == ValueKind::kBool && value.as_bool() == is.value;
}

}  // namespace

void TextAmong::add(const std::string& text) {
  texts.insert(text);
  sizes |= size_bit(text.size());
}

bool TextAmong::contains(std::string_view text) const {
  return (sizes & size_bit(text.size())) != 0 && texts.find(text) != texts.end();
}

bool AttributeQuestion::matches(const ValueView& value) const {
  return std::visit([&value](const auto& asked) { return holds(asked, value); }, is);
}

SpanFacts::Bit SpanFacts::next_bit() {
  if (used_ == kBits) return std::nullopt;
  return used_++;
}

SpanFacts::Bit SpanFacts::add_status(std::uint8_t codes) {
  const auto found = std::ranges::find(statuses_, codes, &Status::codes);
  if (found != statuses_.end()) return found->bit;
  const Bit bit = next_bit();
  if (bit) statuses_.push_back({codes, *bit});
  return bit;
}

SpanFacts::Bit SpanFacts::add_sampled_flag() {
  if (!sampled_flag_) sampled_flag_ = next_bit();
  return sampled_flag_;
}

SpanFacts::Bit SpanFacts::add_attribute(const AttributeQuestion& question) {
  const auto found = std::ranges::find(attributes_, question, &Attribute::question);
  if (found != attributes_.end()) return found->bit;
  const Bit bit = next_bit();
  if (bit) attributes_.push_back({question, keys_.add(question.key), *bit});
  return bit;
}

std::vector<std::uint64_t> SpanFacts::of(const otlp::SpanIndex& index) const {
  const bool are_answered = asked_.are_answered(index);
  std::vector<std::string_view> values(keys_.size());
  const std::span<const otlp::IndexedSpan> spans = index.spans();
  std::vector<std::uint64_t> bits(spans.size());
  std::uint64_t of_resource = 0;
  const std::string_view* resource = nullptr;  // of which that is
  for (std::size_t i = 0; i < bits.size(); ++i) {
    const std::string_view& message = index.tree().resources[index.resource_number(i)].resource;
    if (&message != resource) {
      of_resource = of_attributes(message, otlp::wire::resource::kAttributes, values);
      resource = &message;
    }
    bits[i] = of_resource | of_fields(spans[i]);
    if (are_answered) {
      bits[i] |= of_found(index, i);
    } else if (!keys_.empty()) {
      bits[i] |= of_attributes(index.bytes(i), otlp::wire::span::kAttributes, values);
    }
  }
  return bits;
}

TraceFacts SpanFacts::of(std::span<const HeldSpan> spans) const {
  std::vector<std::string_view> values(keys_.size());
  TraceFacts facts;
  for (const HeldSpan& span : spans) {
    const std::string_view resource = span.index->resource_of(span.span).bytes();
    facts.add(
        span.fields(),
        of_fields(span.fields()) |
            of_attributes(resource, otlp::wire::resource::kAttributes, values) |
            of_attributes(span.index->bytes(span.span), otlp::wire::span::kAttributes, values));
  }
  return facts;
}

std::uint64_t SpanFacts::of_fields(const otlp::IndexedSpan& span) const {
  constexpr std::uint32_t kSampledFlag = 1;
  std::uint64_t bits = 0;
  for (const Status& status : statuses_) {
    if ((status.codes >> static_cast<unsigned>(span.status_code) & 1U) != 0) {
      bits |= mask_of(status.bit);
    }
  }
  if (sampled_flag_ && (span.flags & kSampledFlag) != 0) bits |= mask_of(*sampled_flag_);
  return bits;
}

std::uint64_t SpanFacts::of_found(const otlp::SpanIndex& index, std::size_t span) const {
  std::uint64_t bits = 0;
  for (const Attribute& attribute : attributes_) {
    const std::string_view value = index.found(span, asked_.numbers()[attribute.key]);
    if (value.data() == nullptr) continue;
    if (attribute.question.matches(ValueView(value))) bits |= mask_of(attribute.bit);
  }
  return bits;
}

std::uint64_t SpanFacts::of_attributes(std::string_view message, std::uint32_t field,
                                       std::span<std::string_view> values) const {
  if (keys_.empty()) return 0;
  keys_.find(message, field, values);
  std::uint64_t bits = 0;
  for (const Attribute& attribute : attributes_) {
    const std::string_view value = values[attribute.key];
    if (value.data() == nullptr) continue;
    if (attribute.question.matches(ValueView(value))) bits |= mask_of(attribute.bit);
  }
  return bits;
}

}  // namespace kernspan::sampling
