#include <fmt/format.h>

#include <utility>
#include <vector>

#include "pipeline/ottl/functions/families.h"

namespace kernspan::ottl {
namespace {

// A list stays one; a single value becomes its first item; nil is an empty list.
Result<List> list_of(const Value& value) {
  switch (value.type()) {
    case ValueType::kNil:
      return List();
    case ValueType::kList:
      return value.as_list();
    case ValueType::kString:
    case ValueType::kInt:
    case ValueType::kDouble:
    case ValueType::kBool:
      return List{value};
    default:
      return permanent(
          fmt::format("unsupported type of target field: \"{}\"", type_name(value.type())));
  }
}

Result<Callable> build_append(Arguments& arguments) {
  if (!arguments.has(1) && !arguments.has(2)) {
    return permanent(
        "at least one of the optional arguments ('value' or 'values') must be provided");
  }
  auto target = arguments.target(0);
  std::vector<GetterPtr> getters;
  if (arguments.has(1)) getters.push_back(arguments.getter(1));
  if (arguments.has(2)) {
    for (GetterPtr& getter : arguments.getters(2)) getters.push_back(std::move(getter));
  }
  return
      [target = std::move(target), getters = std::move(getters)](Evaluation& at) -> Result<Value> {
        const Result<Value> present = target->get(at);
        if (!present) return present;
        Result<List> list = list_of(*present);
        if (!list) return std::unexpected(list.error());
        for (const GetterPtr& getter : getters) {
          Result<Value> value = getter->get(at);
          if (!value) return value;
          list->push_back(*std::move(value));
        }
        if (Status set = target->set(at, Value::list(*std::move(list))); !set) {
          return std::unexpected(set.error());
        }
        return Value();
      };
}

Status check_bounds(std::int64_t begin, std::int64_t end, std::int64_t size) {
  if (begin < 0 || begin >= size) {
    return permanent(
        fmt::format("startIndex {} out of bounds for slice of length {}", begin, size));
  }
  if (end < begin) {
    return permanent(fmt::format("endIndex {} cannot be less than startIndex {}", end, begin));
  }
  if (end > size) {
    return permanent(fmt::format("deletion range [{}:{}] out of bounds for slice of length {}",
                                 begin, end, size));
  }
  return {};
}

Result<Callable> build_delete_index(Arguments& arguments) {
  return [target = arguments.target(0), begin_getter = arguments.getter(1),
          end_getter =
              arguments.has(2) ? arguments.getter(2) : nullptr](Evaluation& at) -> Result<Value> {
    Result<Value> value = target->get(at);
    if (!value) return value;
    const Result<Value> begin_value = begin_getter->get(at);
    if (!begin_value) return begin_value;
    const std::int64_t begin = begin_value->as_int();
    const auto size = static_cast<std::int64_t>(value->as_list().size());
    std::int64_t end = begin < size ? begin + 1 : begin;
    if (end_getter) {
      const Result<Value> end_value = end_getter->get(at);
      if (!end_value) return end_value;
      end = end_value->as_int();
    }
    const bool is_all = begin == 0 && end == size;
    if (Status checked = check_bounds(begin, end, size); !is_all && !checked) {
      return std::unexpected(checked.error());
    }
    if (begin == end) return Value();
    List& list = value->mutable_list();
    list.erase(list.begin() + begin, list.begin() + end);
    if (Status set = target->set(at, *std::move(value)); !set) return std::unexpected(set.error());
    return Value();
  };
}

}  // namespace

void add_list_editors(FunctionTable& table) {
  using enum ParameterType;
  table.add({"append",
             {{"target", kTarget}, {"value", kAny, true}, {"values", kAnyList, true}},
             build_append});
  table.add({"delete_index",
             {{"target", kListTarget}, {"start_index", kInt}, {"end_index", kInt, true}},
             build_delete_index});
}

}  // namespace kernspan::ottl
