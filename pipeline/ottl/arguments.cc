#include "pipeline/ottl/arguments.h"

namespace kernspan::ottl {

Arguments::Arguments(std::vector<GivenArgument> arguments) : arguments_(std::move(arguments)) {}
Arguments::Arguments(Arguments&&) noexcept = default;
Arguments::~Arguments() = default;

bool Arguments::has(std::size_t parameter) const {
  return arguments_[parameter].is_present;
}

GetterPtr Arguments::getter(std::size_t parameter) {
  return std::move(arguments_[parameter].getter);
}

TargetPtr Arguments::target(std::size_t parameter) {
  return std::move(arguments_[parameter].target);
}

std::vector<GetterPtr> Arguments::getters(std::size_t parameter) {
  return std::move(arguments_[parameter].getters);
}

std::string Arguments::text(std::size_t parameter, std::string_view fallback) {
  return std::string(has(parameter) ? arguments_[parameter].literal.as_string() : fallback);
}

std::int64_t Arguments::integer(std::size_t parameter, std::int64_t fallback) {
  return has(parameter) ? arguments_[parameter].literal.as_int() : fallback;
}

double Arguments::number(std::size_t parameter, double fallback) {
  return has(parameter) ? arguments_[parameter].literal.as_double() : fallback;
}

bool Arguments::boolean(std::size_t parameter, bool fallback) {
  return has(parameter) ? arguments_[parameter].literal.as_bool() : fallback;
}

std::vector<std::string> Arguments::texts(std::size_t parameter) {
  std::vector<std::string> texts;
  for (const Value& literal : arguments_[parameter].literals) {
    texts.emplace_back(literal.as_string());
  }
  return texts;
}

std::vector<std::int64_t> Arguments::integers(std::size_t parameter) {
  std::vector<std::int64_t> integers;
  for (const Value& literal : arguments_[parameter].literals) integers.push_back(literal.as_int());
  return integers;
}

std::unique_ptr<const ConverterCall> Arguments::converter(std::size_t parameter) {
  return std::move(arguments_[parameter].converter);
}

}  // namespace kernspan::ottl
