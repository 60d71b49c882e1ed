#include "pipeline/otlp/span_findings.h"

#include "pipeline/otlp/attribute_view.h"
#include "pipeline/otlp/span_view.h"
#include "pipeline/otlp/wire_fields.h"

namespace kernspan::otlp {
namespace {

// A little less than spans have that are worth a reservation.
constexpr std::size_t kUsualSpanBytes = 512;

}  // namespace

SpanFindings::SpanFindings(const AttributeKeys& keys, std::size_t request_bytes)
    : keys_(keys), max_spans_(std::max(kManyItems, request_bytes / kMinItemBytes)) {
  const std::size_t expected = request_bytes / kUsualSpanBytes + 1;
  spans_.reserve(expected);
  values_.reserve(expected * keys.size());
}

void SpanFindings::look_at_plain(const char* key_value) {
  const std::string_view key(key_value + 2, static_cast<std::uint8_t>(key_value[1]));
  const auto number = keys_.number_of(key);
  if (!number) return;
  const char* const value = key.data() + key.size();
  found(*number, {value + 2, static_cast<std::uint8_t>(value[1])});
}

void SpanFindings::see_attribute(std::string_view key_value) {
  if (keys_.empty()) return;
  const AttributeView attribute(key_value);
  const auto number = keys_.number_of(attribute.key);
  if (!number) return;
  found(*number, attribute.value_wire.data() != nullptr ? attribute.value_wire
                                                        : key_value.substr(key_value.size()));
}

void SpanFindings::found(AttributeKeys::Number key, std::string_view value) {
  FoundValue& noted = row()[key];
  if (noted.is_there()) return;  // the first one counts
  noted = {.offset = static_cast<std::uint32_t>(value.data() - content_),
           .size = static_cast<std::uint32_t>(value.size())};
}

void SpanFindings::read_span(std::string_view content) {
  IndexedSpan& span = spans_.back();
  span = {};
  read_any_span(content, span);
  if (keys_.empty()) return;
  content_ = content.data();
  std::fill_n(row(), keys_.size(), FoundValue());
  WireReader reader(content);
  for (WireField field; reader.next(field);) {
    if (field.is_bytes(wire::span::kAttributes)) see_attribute(field.bytes);
  }
}

}  // namespace kernspan::otlp
