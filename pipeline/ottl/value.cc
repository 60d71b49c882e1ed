#include "pipeline/ottl/value.h"

#include <algorithm>

namespace kernspan::ottl {

std::string_view type_name(ValueType type) {
  switch (type) {
    case ValueType::kNil:
      return "nil";
    case ValueType::kBool:
      return "bool";
    case ValueType::kInt:
      return "int";
    case ValueType::kDouble:
      return "double";
    case ValueType::kString:
      return "string";
    case ValueType::kBytes:
      return "bytes";
    case ValueType::kTime:
      return "time";
    case ValueType::kDuration:
      return "duration";
    case ValueType::kList:
      return "list";
    case ValueType::kMap:
      return "map";
  }
  return "nil";
}

Value Value::time(Time value) {
  return Value(Made(), std::make_shared<const Time>(std::move(value)));
}

Value Value::list(List value) {
  return Value(Made(), std::make_shared<List>(std::move(value)));
}

Value Value::map(Map value) {
  return Value(Made(), std::make_shared<Map>(std::move(value)));
}

// The telemetry is nested at most kMaxMessageDepth deep (request_check.h).
Value Value::from_view(const otlp::ValueView& view) {
  switch (view.kind()) {
    case otlp::ValueKind::kNone:
      return {};
    case otlp::ValueKind::kString:
      return borrowed(view.as_string());
    case otlp::ValueKind::kBool:
      return boolean(view.as_bool());
    case otlp::ValueKind::kInt:
      return integer(view.as_int());
    case otlp::ValueKind::kDouble:
      return number(view.as_double());
    case otlp::ValueKind::kBytes:
      return bytes(Text::borrowed(view.as_bytes()));
    case otlp::ValueKind::kKvlist:
      return from_attributes(view.entries());
    case otlp::ValueKind::kArray:
      break;
  }
  List items;
  for (const otlp::ValueView item : view.items()) items.push_back(from_view(item));
  return list(std::move(items));
}

Value Value::from_attributes(otlp::AttributeRange attributes) {
  Map entries;
  for (const otlp::AttributeView attribute : attributes) {
    entries.append(Text::borrowed(attribute.key), from_view(attribute.value()));
  }
  return map(std::move(entries));
}

const Text& Value::text() const {
  if (const auto* bytes = std::get_if<BytesText>(&data_)) return bytes->text;
  return std::get<StringText>(data_).text;
}

List& Value::mutable_list() {
  auto& data = std::get<ListData>(data_);
  if (data.use_count() != 1) data = std::make_shared<List>(*data);
  return *data;
}

Map& Value::mutable_map() {
  auto& data = std::get<MapData>(data_);
  if (data.use_count() != 1) data = std::make_shared<Map>(*data);
  return *data;
}

const Value* Map::find(std::string_view key) const {
  for (const Entry& entry : entries_) {
    if (entry.key.view() == key) return &entry.value;
  }
  return nullptr;
}

Value* Map::find(std::string_view key) {
  return const_cast<Value*>(std::as_const(*this).find(key));
}

void Map::set(Text key, Value value) {
  if (Value* const present = find(key.view())) {
    *present = std::move(value);
  } else {
    append(std::move(key), std::move(value));
  }
}

void Map::set(std::string_view key, Value value) {
  set(Text::owned(std::string(key)), std::move(value));
}

bool Map::erase(std::string_view key) {
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.key.view() == key; }) != 0;
}

}  // namespace kernspan::ottl
