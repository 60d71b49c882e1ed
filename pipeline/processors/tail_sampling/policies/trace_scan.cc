#include "pipeline/processors/tail_sampling/policies/trace_scan.h"

#include <algorithm>
#include <limits>

#include "pipeline/otlp/wire_fields.h"
#include "pipeline/otlp/wire_reader.h"

namespace kernspan::sampling {
namespace {

constexpr std::uint64_t size_bit(std::size_t size) {
  return std::uint64_t{1} << std::min<std::size_t>(size, 63);
}

constexpr std::size_t kNotPlain = std::numeric_limits<std::size_t>::max();

// The size of a key as every encoder writes it: key and value, once each, in less than 128 bytes.
// It is enough to pass by most attributes without a look at anything else.
std::size_t plain_key_size(std::string_view key_value) {
  constexpr char kKeyTag = otlp::wire_tag(otlp::wire::key_value::kKey, otlp::WireType::kBytes);
  constexpr char kValueTag = otlp::wire_tag(otlp::wire::key_value::kValue, otlp::WireType::kBytes);
  if (key_value.size() < 2 || key_value[0] != kKeyTag) return kNotPlain;
  const auto key_size = static_cast<std::uint8_t>(key_value[1]);
  const std::size_t value = 2 + std::size_t{key_size};
  if (key_size >= 0x80 || key_value.size() < value + 2 || key_value[value] != kValueTag) {
    return kNotPlain;
  }
  const auto value_size = static_cast<std::uint8_t>(key_value[value + 1]);
  const bool is_all = value_size < 0x80 && key_value.size() == value + 2 + value_size;
  return is_all ? key_size : kNotPlain;
}

}  // namespace

TraceScan::Key TraceScan::add_key(std::string_view key) {
  const auto found = std::ranges::find(keys_, key);
  if (found != keys_.end()) return static_cast<Key>(found - keys_.begin());
  keys_.emplace_back(key);
  key_sizes_ |= size_bit(key.size());
  return static_cast<Key>(keys_.size() - 1);
}

void TraceScan::start(const TraceView& trace) {
  trace_ = &trace;
  resources_.clear();
  if (keys_.empty() && !wants_trace_state_) return;
  const std::size_t spans = trace.spans.size();
  keeps_rows_ = spans * row_size() <= kMostValues;
  only_row_ = kNothing;
  values_.resize(std::max(values_.size(), (keeps_rows_ ? spans : 1) * row_size()));
  is_read_.assign(keeps_rows_ ? spans : 0, false);
  if (!keys_.empty()) find_resources();
}

void TraceScan::find_resources() {
  Resource last;
  for (const HeldSpan& span : trace_->spans) {
    const std::uint32_t number = span.index->resource_number(span.span);
    if (span.index == last.index && number == last.number) continue;
    last = {span.index, number};
    resources_.push_back(last);
  }
  resource_values_.resize(
      std::max(resource_values_.size(), std::min(resources_.size() * row_size(), kMostValues)));
}

TraceScan::Row TraceScan::row_of(std::size_t span) {
  const Row row = values_.data() + (keeps_rows_ ? span : 0) * row_size();
  if (keeps_rows_ ? is_read_[span] : only_row_ == span) return row;
  const HeldSpan& held = trace_->spans[span];
  read_span(held.index->bytes(held.span), row);
  if (keeps_rows_) is_read_[span] = true;
  only_row_ = span;
  return row;
}

otlp::ValueView TraceScan::resource_value(std::size_t resource, Key key) {
  Resource& entry = resources_[resource];
  const std::string_view bytes = entry.index->tree().resources[entry.number].resource;
  const std::size_t begin = resource * row_size();
  if (begin + row_size() > kMostValues) {
    return otlp::find_attribute({bytes, otlp::wire::resource::kAttributes}, keys_[key]);
  }
  const Row values = resource_values_.data() + begin;
  if (!entry.is_read) {
    std::fill_n(values, row_size(), std::string_view());
    for (const std::string_view attribute :
         otlp::FieldRange<std::string_view>(bytes, otlp::wire::resource::kAttributes)) {
      read_attribute(attribute, values);
    }
    entry.is_read = true;
  }
  return otlp::ValueView(values[key]);
}

void TraceScan::read_span(std::string_view bytes, Row row) const {
  std::fill_n(row, row_size(), std::string_view());
  otlp::WireReader reader(bytes);
  for (otlp::WireField field; reader.next(field);) {
    if (field.type != otlp::WireType::kBytes) continue;
    if (field.number == otlp::wire::span::kAttributes) {
      read_attribute(field.bytes, row);
    } else if (wants_trace_state_ && field.number == otlp::wire::span::kTraceState) {
      row[keys_.size()] = field.bytes;  // the last one counts, as in protobuf
    }
  }
}

void TraceScan::read_attribute(std::string_view key_value, Row row) const {
  if (const std::size_t size = plain_key_size(key_value);
      size != kNotPlain && (key_sizes_ & size_bit(size)) == 0) {
    return;
  }
  const otlp::AttributeView attribute(key_value);
  for (std::size_t key = 0; key < keys_.size(); ++key) {
    if (keys_[key] != attribute.key) continue;
    std::string_view& value = row[key];
    // Of equal keys the first one counts; data() tells an empty value from none.
    if (value.data() == nullptr) {
      value = attribute.value_wire.data() != nullptr ? attribute.value_wire : std::string_view("");
    }
    return;
  }
}

}  // namespace kernspan::sampling
