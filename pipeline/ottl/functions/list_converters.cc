// Converters of lists and maps.
#include <fmt/format.h>

#include <algorithm>
#include <compare>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "pipeline/ottl/functions/as_string.h"
#include "pipeline/ottl/functions/builders.h"
#include "pipeline/ottl/functions/families.h"
#include "pipeline/ottl/functions/map_builder.h"

namespace kernspan::ottl {
namespace {

Result<Value> keys_of(const Value& target) {
  List keys;
  for (const Map::Entry& entry : target.as_map().entries()) {
    keys.push_back(Value::string(entry.key));
  }
  return Value::list(std::move(keys));
}

Result<Value> values_of(const Value& target) {
  List values;
  for (const Map::Entry& entry : target.as_map().entries()) values.push_back(entry.value);
  return Value::list(std::move(values));
}

std::optional<std::size_t> find_in(const List& list, const Value& wanted) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (compare(list[i], Comparison::kEqual, wanted)) return i;
  }
  return std::nullopt;
}

Result<Value> index_of(const Value& target, const Value& wanted) {
  if (target.is(ValueType::kString)) {
    if (!wanted.is(ValueType::kString)) {
      return permanent("when source is string, value must also be string");
    }
    const std::size_t found = target.as_string().find(wanted.as_string());
    return Value::integer(found == std::string_view::npos ? -1 : static_cast<std::int64_t>(found));
  }
  if (!target.is(ValueType::kList)) return permanent("source must be of type string or slice");
  const std::optional<std::size_t> found = find_in(target.as_list(), wanted);
  return Value::integer(found ? static_cast<std::int64_t>(*found) : -1);
}

// What the items of a list are compared as.
enum class Order { kInts, kDoubles, kTexts };

std::optional<Order> order_of(const List& list) {
  Order order = Order::kInts;
  for (const Value& item : list) {
    switch (item.type()) {
      case ValueType::kInt:
        break;
      case ValueType::kDouble:
        if (order == Order::kInts) order = Order::kDoubles;
        break;
      case ValueType::kString:
      case ValueType::kBool:
      case ValueType::kNil:
        order = Order::kTexts;
        break;
      default:
        return std::nullopt;
    }
  }
  return order;
}

double as_number(const Value& value) {
  return value.is(ValueType::kInt) ? static_cast<double>(value.as_int()) : value.as_double();
}

// A total order: not-a-number comes first, as in Go.
std::strong_ordering order_numbers(double left, double right) {
  if (left < right) return std::strong_ordering::less;
  if (left > right) return std::strong_ordering::greater;
  const bool left_is_nan = left != left;
  const bool right_is_nan = right != right;
  return right_is_nan <=> left_is_nan;
}

struct SortItem {
  Value value;
  std::string text;  // when texts are compared
  std::size_t place = 0;
};

std::strong_ordering order_items(const SortItem& left, const SortItem& right, Order order) {
  switch (order) {
    case Order::kInts:
      return left.value.as_int() <=> right.value.as_int();
    case Order::kDoubles:
      return order_numbers(as_number(left.value), as_number(right.value));
    case Order::kTexts:
      return left.text <=> right.text;
  }
  return std::strong_ordering::equal;
}

Result<Value> sorted(const Value& target, bool descending) {
  if (!target.is(ValueType::kList)) {
    return permanent(fmt::format("sort with unsupported type: '{}'", type_name(target.type())));
  }
  const std::optional<Order> order = order_of(target.as_list());
  if (!order) return permanent("sort with unsupported type: the list has maps, lists or bytes");
  std::vector<SortItem> items;
  for (const Value& value : target.as_list()) {
    items.push_back({value, *order == Order::kTexts ? as_string(value) : "", items.size()});
  }
  // What is equal stays in its order.
  std::ranges::sort(items, [&](const SortItem& left, const SortItem& right) {
    const auto compared =
        descending ? order_items(right, left, *order) : order_items(left, right, *order);
    return compared != 0 ? compared < 0 : left.place < right.place;
  });
  List list;
  for (SortItem& item : items) list.push_back(std::move(item.value));
  return Value::list(std::move(list));
}

Result<Callable> build_sort(Arguments& arguments) {
  auto getter = arguments.getter(0);
  const std::string order = arguments.text(1, "asc");
  if (order != "asc" && order != "desc") {
    return permanent(
        fmt::format("invalid arguments: {}. Order should be either \"asc\" or \"desc\"", order));
  }
  return
      [getter = std::move(getter), descending = order == "desc"](Evaluation& at) -> Result<Value> {
        const Result<Value> target = getter->get(at);
        if (!target) return target;
        return sorted(*target, descending);
      };
}

// Null when there is nothing at that path.
const Value* value_at(const Value& item, const std::vector<std::string>& path) {
  const Value* value = &item;
  for (const std::string& key : path) {
    if (value == nullptr || !value->is(ValueType::kMap)) return nullptr;
    value = value->as_map().find(key);
  }
  return value;
}

// Items that are no maps, or have no text at the key's path or nothing at the value's, are left out.
Value slice_to_map(const List& list, const std::vector<std::string>& key_path,
                   const std::vector<std::string>& value_path) {
  MapBuilder map;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!list[i].is(ValueType::kMap)) continue;
    const Value number = Value::string(fmt::format("{}", i));
    const Value* const key = key_path.empty() ? &number : value_at(list[i], key_path);
    const Value* const value = value_at(list[i], value_path);
    if (key == nullptr || !key->is(ValueType::kString) || value == nullptr) continue;
    map.set(key->text(), *value);
  }
  return Value::map(map.take());
}

Result<Callable> build_slice_to_map(Arguments& arguments) {
  return [getter = arguments.getter(0), key_path = arguments.texts(1),
          value_path = arguments.texts(2)](Evaluation& at) -> Result<Value> {
    const Result<Value> target = getter->get(at);
    if (!target) return target;
    if (!target->is(ValueType::kList)) {
      return permanent(fmt::format("unsupported type provided to SliceToMap function: {}",
                                   type_name(target->type())));
    }
    return slice_to_map(target->as_list(), key_path, value_path);
  };
}

}  // namespace

void add_list_converters(FunctionTable& table) {
  using enum ParameterType;
  table.add({"Keys", {{"target", kMap}}, of_one(keys_of)});
  table.add({"Values", {{"target", kMap}}, of_one(values_of)});
  table.add({"ContainsValue",
             {{"target", kList}, {"item", kAny}},
             of_two([](const Value& target, const Value& item) -> Result<Value> {
               return Value::boolean(find_in(target.as_list(), item).has_value());
             })});
  table.add({"Index", {{"target", kAny}, {"value", kAny}}, of_two(index_of)});
  table.add({"Sort", {{"target", kAny}, {"order", kTextLiteral, true}}, build_sort});
  table.add({"SliceToMap",
             {{"target", kAny},
              {"key_path", kTextLiteralList, true},
              {"value_path", kTextLiteralList, true}},
             build_slice_to_map});
}

}  // namespace kernspan::ottl
