#include "pipeline/ottl/function.h"

namespace kernspan::ottl {

Result<Value> ConverterCall::apply(Evaluation& at, const Value& argument) const {
  const Value* const outer = std::exchange(at.argument, &argument);
  Result<Value> value = call_->get(at);
  at.argument = outer;
  return value;
}

void FunctionTable::add(Function function) {
  const std::string_view name = function.name;
  functions_.insert_or_assign(name, std::move(function));
}

const Function* FunctionTable::find(std::string_view name) const {
  const auto found = functions_.find(name);
  return found == functions_.end() ? nullptr : &found->second;
}

std::vector<std::string> FunctionTable::names() const {
  std::vector<std::string> names;
  for (const auto& [name, function] : functions_) names.emplace_back(name);
  return names;
}

}  // namespace kernspan::ottl
