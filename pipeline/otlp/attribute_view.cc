#include "pipeline/otlp/attribute_view.h"

namespace kernspan::otlp {
namespace {

// A member of another type on the wire is not that member.
bool is_member(const WireField& field) {
  switch (static_cast<ValueKind>(field.number)) {
    case ValueKind::kString:
    case ValueKind::kArray:
    case ValueKind::kKvlist:
    case ValueKind::kBytes:
      return field.type == WireType::kBytes;
    case ValueKind::kBool:
    case ValueKind::kInt:
      return field.type == WireType::kVarint;
    case ValueKind::kDouble:
      return field.type == WireType::kFixed64;
    case ValueKind::kNone:
      break;
  }
  return false;
}

constexpr char tag_of(std::uint32_t field) {
  return static_cast<char>(wire_tag(field, WireType::kBytes));
}

// The content of a field of less than 128 bytes that `message` begins with; data() is null when it
// begins with something else. Nearly all attributes are made of these.
std::string_view short_field(std::string_view message, char tag) {
  if (message.size() < 2 || message[0] != tag) return {};
  const auto size = static_cast<std::uint8_t>(message[1]);
  if (size >= 0x80 || message.size() - 2 < size) return {};
  return {message.data() + 2, size};
}

}  // namespace

// The members are a oneof: the last one on the wire counts.
ValueView::ValueView(std::string_view any_value) : wire_(any_value) {
  if (const std::string_view text = short_field(any_value, tag_of(wire::any_value::kString));
      text.data() != nullptr && text.size() + 2 == any_value.size()) {
    kind_ = ValueKind::kString;
    bytes_ = text;
    return;
  }
  WireReader reader(any_value);
  for (WireField field; reader.next(field);) {
    if (field.number > wire::any_value::kBytes || !is_member(field)) continue;
    kind_ = static_cast<ValueKind>(field.number);
    bytes_ = field.bytes;
    number_ = field.value;
  }
}

AttributeView::AttributeView(std::string_view key_value) {
  // Key and value once each, and nothing else, as encoders write them.
  const std::string_view first = short_field(key_value, tag_of(wire::key_value::kKey));
  if (first.data() != nullptr) {
    const std::string_view rest = key_value.substr(2 + first.size());
    const std::string_view second = short_field(rest, tag_of(wire::key_value::kValue));
    if (second.data() != nullptr && second.size() + 2 == rest.size()) {
      key = first;
      value_wire = second;
      return;
    }
  }
  WireReader reader(key_value);
  for (WireField field; reader.next(field);) {
    if (field.is_bytes(wire::key_value::kKey)) key = field.bytes;
    if (field.is_bytes(wire::key_value::kValue)) value_wire = field.bytes;
  }
}

ValueView find_attribute(AttributeRange attributes, std::string_view key) {
  for (const AttributeView attribute : attributes) {
    if (attribute.key == key) return attribute.value();
  }
  return {};
}

}  // namespace kernspan::otlp
