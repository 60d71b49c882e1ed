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

}  // namespace

// The members are a oneof: the last one on the wire counts.
ValueView::ValueView(std::string_view any_value) : wire_(any_value) {
  WireReader reader(any_value);
  for (WireField field; reader.next(field);) {
    if (field.number > wire::any_value::kBytes || !is_member(field)) continue;
    kind_ = static_cast<ValueKind>(field.number);
    bytes_ = field.bytes;
    number_ = field.value;
  }
}

AttributeView::AttributeView(std::string_view key_value) {
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
