// What the compiler hands to a function's builder.
#pragma once

#include <memory>
#include <vector>

#include "pipeline/ottl/function.h"

namespace kernspan::ottl {

struct GivenArgument {
  bool is_present = false;
  GetterPtr getter;
  TargetPtr target;
  std::vector<GetterPtr> getters;
  Value literal;
  std::vector<Value> literals;
  std::unique_ptr<const ConverterCall> converter;
};

}  // namespace kernspan::ottl
