#include "pipeline/ottl/index.h"

#include <fmt/format.h>

#include "pipeline/ottl/syntax.h"

namespace kernspan::ottl {
namespace {

std::unexpected<Error> wrong_key(ValueType container, ValueType key) {
  if (container != ValueType::kMap && container != ValueType::kList) {
    return permanent(fmt::format("{} cannot be indexed", type_name(container)));
  }
  return permanent(fmt::format("a {} is indexed by {}, not by {}", type_name(container),
                               container == ValueType::kMap ? "strings" : "ints", type_name(key)));
}

std::unexpected<Error> out_of_bounds(std::int64_t position, std::size_t size) {
  return permanent(fmt::format("index {} is out of bounds of a list of {}", position, size));
}

Result<otlp::ValueView> item_at(const otlp::ValueView& list, std::int64_t position) {
  std::int64_t passed = 0;
  for (const otlp::ValueView item : list.items()) {
    if (passed++ == position) return item;
  }
  return out_of_bounds(position, static_cast<std::size_t>(passed));
}

Result<otlp::ValueView> step(const otlp::ValueView& view, const Value& key) {
  switch (view.kind()) {
    case otlp::ValueKind::kNone:
      return view;
    case otlp::ValueKind::kKvlist:
      if (!key.is(ValueType::kString)) return wrong_key(ValueType::kMap, key.type());
      return otlp::find_attribute(view.entries(), key.as_string());
    case otlp::ValueKind::kArray:
      if (!key.is(ValueType::kInt)) return wrong_key(ValueType::kList, key.type());
      return item_at(view, key.as_int());
    default:
      return wrong_key(Value::from_view(view).type(), key.type());
  }
}

// The item to set, made when the list is empty. A list is not grown, as upstream.
Result<Value*> item_to_set(Value& list, std::int64_t position, bool is_new) {
  List& items = list.mutable_list();
  if (is_new && position >= 0 && position < static_cast<std::int64_t>(kMaxItems)) {
    items.resize(static_cast<std::size_t>(position) + 1);
  }
  if (position < 0 || position >= static_cast<std::int64_t>(items.size())) {
    return out_of_bounds(position, items.size());
  }
  return &items[static_cast<std::size_t>(position)];
}

Result<Value*> step_to_set(Value& value, const Value& key) {
  const bool is_new = value.is_nil();
  if (is_new) value = key.is(ValueType::kInt) ? Value::list({}) : Value::map({});
  if (value.is(ValueType::kList) && key.is(ValueType::kInt)) {
    return item_to_set(value, key.as_int(), is_new);
  }
  if (!value.is(ValueType::kMap) || !key.is(ValueType::kString)) {
    return wrong_key(value.type(), key.type());
  }
  Map& map = value.mutable_map();
  if (map.find(key.as_string()) == nullptr) map.append(key.text(), Value());
  return map.find(key.as_string());
}

}  // namespace

Result<Value> resolve(const Key& key, Evaluation& at) {
  if (const auto* name = std::get_if<std::string>(&key)) return Value::borrowed(*name);
  if (const auto* position = std::get_if<std::int64_t>(&key)) return Value::integer(*position);
  Result<Value> value = std::get<GetterPtr>(key)->get(at);
  if (value && !value->is(ValueType::kString) && !value->is(ValueType::kInt)) {
    return permanent(fmt::format("a key is a string or an int, not {}", type_name(value->type())));
  }
  return value;
}

Result<Text> resolve_name(const Key& key, Evaluation& at) {
  Result<Value> value = resolve(key, at);
  if (!value) return std::unexpected(std::move(value.error()));
  if (!value->is(ValueType::kString)) return wrong_key(ValueType::kMap, value->type());
  return value->text();
}

Result<Value> index_view(otlp::ValueView view, std::span<const Key> keys, Evaluation& at) {
  for (const Key& key : keys) {
    const Result<Value> resolved = resolve(key, at);
    if (!resolved) return resolved;
    const Result<otlp::ValueView> next = step(view, *resolved);
    if (!next) return std::unexpected(next.error());
    view = *next;
  }
  return Value::from_view(view);
}

Result<Value> index_value(Value value, std::span<const Key> keys, Evaluation& at) {
  for (const Key& key : keys) {
    if (value.is_nil()) return value;
    const Result<Value> resolved = resolve(key, at);
    if (!resolved) return resolved;
    if (value.is(ValueType::kMap) && resolved->is(ValueType::kString)) {
      const Value* const found = value.as_map().find(resolved->as_string());
      value = found != nullptr ? Value(*found) : Value();
    } else if (value.is(ValueType::kList) && resolved->is(ValueType::kInt)) {
      const List& items = value.as_list();
      const std::int64_t position = resolved->as_int();
      if (position < 0 || position >= static_cast<std::int64_t>(items.size())) {
        return out_of_bounds(position, items.size());
      }
      value = Value(items[static_cast<std::size_t>(position)]);
    } else {
      return wrong_key(value.type(), resolved->type());
    }
  }
  return value;
}

Status set_indexed(Value& root, std::span<const Key> keys, Evaluation& at, Value value) {
  Value* target = &root;
  for (const Key& key : keys) {
    const Result<Value> resolved = resolve(key, at);
    if (!resolved) return std::unexpected(resolved.error());
    const Result<Value*> next = step_to_set(*target, *resolved);
    if (!next) return std::unexpected(next.error());
    target = *next;
  }
  *target = std::move(value);
  return {};
}

}  // namespace kernspan::ottl
