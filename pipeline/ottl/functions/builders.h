// Builders of functions whose arguments are all getters.
#pragma once

#include <utility>

#include "pipeline/ottl/function.h"

namespace kernspan::ottl {

// compute(const Value&) -> Result<Value>
template <typename Compute>
Builder of_one(Compute compute) {
  return [compute](Arguments& arguments) -> Result<Callable> {
    return [compute, getter = arguments.getter(0)](Evaluation& at) -> Result<Value> {
      Result<Value> value = getter->get(at);
      if (!value) return value;
      return compute(*value);
    };
  };
}

// compute(const Value&, const Value&) -> Result<Value>; the first is evaluated first.
template <typename Compute>
Builder of_two(Compute compute) {
  return [compute](Arguments& arguments) -> Result<Callable> {
    return [compute, first_getter = arguments.getter(0),
            second_getter = arguments.getter(1)](Evaluation& at) -> Result<Value> {
      Result<Value> first = first_getter->get(at);
      if (!first) return first;
      Result<Value> second = second_getter->get(at);
      if (!second) return second;
      return compute(*first, *second);
    };
  };
}

// The value of an optional getter, or `fallback`.
inline Result<Value> value_or(const GetterPtr& getter, Evaluation& at, Value fallback) {
  if (!getter) return fallback;
  return getter->get(at);
}

}  // namespace kernspan::ottl
