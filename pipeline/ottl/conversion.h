// What parameters make of the values they are given.
#pragma once

#include "pipeline/ottl/function.h"

namespace kernspan::ottl {

// The value as a parameter of that type wants it, or what is wrong: "expected int but got string".
Result<Value> convert(Value value, ParameterType type);

// Wraps a getter so that it yields converted values; a literal is converted here and now.
Result<GetterPtr> converting(GetterPtr getter, ParameterType type);

// The type of the items of a list's parameter; kAny for what is no list.
ParameterType item_type(ParameterType list);

GetterPtr literal_getter(Value value);

}  // namespace kernspan::ottl
