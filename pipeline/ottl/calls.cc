// Calls of converters and editors: functions looked up, arguments matched to parameters.
#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/edit_distance.h"
#include "pipeline/ottl/arguments.h"
#include "pipeline/ottl/compiler.h"
#include "pipeline/ottl/conversion.h"
#include "pipeline/ottl/index.h"
#include "pipeline/ottl/lexer.h"

namespace kernspan::ottl {
namespace {

using Argument = GivenArgument;

class CallGetter final : public Getter {
 public:
  CallGetter(Callable function, std::vector<Key> keys)
      : function_(std::move(function)), keys_(std::move(keys)) {}
  Result<Value> get(Evaluation& at) const override {
    Result<Value> value = function_(at);
    if (!value || keys_.empty()) return value;
    return index_value(*std::move(value), keys_, at);
  }

 private:
  Callable function_;
  std::vector<Key> keys_;
};

// What a function hands to a converter that it was given by name.
class HandedGetter final : public Getter {
 public:
  Result<Value> get(Evaluation& at) const override {
    return at.argument != nullptr ? *at.argument : Value();
  }
};

std::unexpected<Error> refused(std::size_t position, std::string_view message) {
  return std::unexpected(error_at(position, message));
}

std::string names_of(const Function& function) {
  std::string names;
  for (const Parameter& parameter : function.parameters) {
    if (!names.empty()) names += ", ";
    names += parameter.name;
    if (parameter.is_optional) names += '?';
  }
  return fmt::format("{}({})", function.name, names);
}

// Upstream takes priority_keys and priorityKeys for one.
bool is_same_name(std::string_view left, std::string_view right) {
  const auto plain = [](std::string_view name) {
    std::string letters;
    for (const char c : name) {
      if (c != '_') letters += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return letters;
  };
  return plain(left) == plain(right);
}

std::optional<ValueType> literal_type(ParameterType type) {
  switch (type) {
    case ParameterType::kTextLiteral:
    case ParameterType::kTextLiteralList:
      return ValueType::kString;
    case ParameterType::kIntLiteral:
    case ParameterType::kIntLiteralList:
    case ParameterType::kEnum:
      return ValueType::kInt;
    case ParameterType::kDoubleLiteral:
      return ValueType::kDouble;
    case ParameterType::kBoolLiteral:
      return ValueType::kBool;
    default:
      return std::nullopt;
  }
}

bool is_list(ParameterType type) {
  return type >= ParameterType::kAnyList && type <= ParameterType::kIntLiteralList;
}

bool is_target(ParameterType type) {
  return type == ParameterType::kTarget || type == ParameterType::kMapTarget ||
         type == ParameterType::kListTarget;
}

Result<Value> literal_argument(const Getter& getter, ValueType wanted, std::size_t position) {
  const Value* const literal = getter.literal();
  if (literal == nullptr) {
    return refused(position,
                   fmt::format("must be a literal {}: it is read once", type_name(wanted)));
  }
  if (wanted == ValueType::kDouble && literal->is(ValueType::kInt)) {
    return Value::number(static_cast<double>(literal->as_int()));
  }
  if (!literal->is(wanted)) {
    return refused(position, fmt::format("must be a literal {}, not {}", type_name(wanted),
                                         type_name(literal->type())));
  }
  return *literal;
}

// A target whose value is of the parameter's type.
class TypedTarget final : public Target {
 public:
  TypedTarget(TargetPtr target, ParameterType type) : target_(std::move(target)), type_(type) {}
  Result<Value> get(Evaluation& at) const override {
    Result<Value> value = target_->get(at);
    if (!value) return value;
    return convert(*std::move(value), type_);
  }
  Status set(Evaluation& at, Value value) const override {
    return target_->set(at, std::move(value));
  }

 private:
  TargetPtr target_;
  ParameterType type_;
};

}  // namespace

Result<const Function*> Compiler::find_function(std::string_view name, bool is_converter) const {
  const Function* const found = functions_.find(name);
  if (found != nullptr && found->is_converter() == is_converter) return found;
  std::vector<std::string> names = functions_.names();
  std::erase_if(names, [&](const std::string& candidate) {
    return functions_.find(candidate)->is_converter() != is_converter;
  });
  const std::string_view what = is_converter ? "converter" : "editor";
  if (const auto meant = closest_word(name, names)) {
    return permanent(fmt::format("there is no {} {}; is {} meant?", what, name, *meant));
  }
  return permanent(fmt::format("there is no {} {}", what, name));
}

Result<std::vector<const ArgumentSyntax*>> Compiler::match(const Function& function,
                                                           const CallSyntax& syntax) const {
  std::vector<const ArgumentSyntax*> matched(function.parameters.size());
  bool named = false;
  for (std::size_t i = 0; i < syntax.arguments.size(); ++i) {
    const ArgumentSyntax& given = syntax.arguments[i];
    std::size_t parameter = i;
    if (!given.name.empty()) {
      named = true;
      const auto found = std::ranges::find_if(function.parameters, [&](const Parameter& candidate) {
        return is_same_name(candidate.name, given.name);
      });
      if (found == function.parameters.end()) {
        return refused(given.position, fmt::format("no parameter is called {}: {}", given.name,
                                                   names_of(function)));
      }
      parameter = static_cast<std::size_t>(found - function.parameters.begin());
    } else if (named) {
      return refused(given.position, "arguments without a name come first");
    }
    if (parameter >= matched.size()) {
      return refused(given.position, fmt::format("too many arguments: {}", names_of(function)));
    }
    if (matched[parameter] != nullptr) {
      return refused(given.position, fmt::format("{} is given twice", given.name));
    }
    matched[parameter] = &given;
  }
  return matched;
}

Result<Callable> Compiler::call(const CallSyntax& syntax, std::size_t position,
                                bool is_converter) const {
  const Result<const Function*> function = find_function(syntax.name, is_converter);
  if (!function) return refused(position, function.error().message);
  if ((*function)->needs_span && context_ < Context::kSpan) {
    return refused(position, fmt::format("{} looks at a span; the context {} has none", syntax.name,
                                         context_name(context_)));
  }
  const auto matched = match(**function, syntax);
  if (!matched) return std::unexpected(matched.error());
  std::vector<Argument> arguments;
  for (std::size_t i = 0; i < matched->size(); ++i) {
    const Parameter& parameter = (*function)->parameters[i];
    if ((*matched)[i] == nullptr) {
      if (!parameter.is_optional) {
        return refused(position,
                       fmt::format("{} is missing: {}", parameter.name, names_of(**function)));
      }
      arguments.emplace_back();
      continue;
    }
    Result<Argument> compiled = argument(parameter, *(*matched)[i]);
    if (!compiled) return std::unexpected(std::move(compiled.error()));
    compiled->is_present = true;
    arguments.push_back(*std::move(compiled));
  }
  Arguments taken(std::move(arguments));
  Result<Callable> built = (*function)->build(taken);
  if (!built) {
    return refused(position, fmt::format("{}: {}", syntax.name, built.error().message));
  }
  return built;
}

Result<Argument> Compiler::argument(const Parameter& parameter,
                                    const ArgumentSyntax& syntax) const {
  const ParameterType type = parameter.type;
  if (type == ParameterType::kConverter) return converter_argument(syntax);
  if (syntax.value == nullptr) {
    return refused(syntax.position,
                   fmt::format("{0} is a converter; it is called with {0}(...)", syntax.function));
  }
  if (is_list(type)) return list_argument(parameter, syntax);
  Argument compiled;
  if (is_target(type)) {
    const auto* const node = std::get_if<PathSyntax>(&syntax.value->node);
    if (node == nullptr) {
      return refused(syntax.position,
                     fmt::format("{} must be a path: it is written", parameter.name));
    }
    Result<TargetPtr> target = path(*node, syntax.position);
    if (!target) return std::unexpected(std::move(target.error()));
    compiled.target = std::make_unique<TypedTarget>(*std::move(target), type);
    return compiled;
  }
  Result<GetterPtr> getter = value(*syntax.value);
  if (!getter) return std::unexpected(std::move(getter.error()));
  if (const auto wanted = literal_type(type)) {
    Result<Value> literal = literal_argument(**getter, *wanted, syntax.position);
    if (!literal) return std::unexpected(std::move(literal.error()));
    compiled.literal = *std::move(literal);
    return compiled;
  }
  getter = converting(*std::move(getter), type);
  if (!getter) {
    return refused(syntax.position, fmt::format("{}: {}", parameter.name, getter.error().message));
  }
  compiled.getter = *std::move(getter);
  return compiled;
}

Result<Argument> Compiler::list_argument(const Parameter& parameter,
                                         const ArgumentSyntax& syntax) const {
  const auto* const list = std::get_if<ListSyntax>(&syntax.value->node);
  if (list == nullptr) {
    return refused(syntax.position, fmt::format("{} must be a list: [...]", parameter.name));
  }
  const std::optional<ValueType> literal = literal_type(parameter.type);
  Argument compiled;
  for (const ExpressionPtr& item : list->items) {
    Result<GetterPtr> getter = value(*item);
    if (!getter) return std::unexpected(std::move(getter.error()));
    if (literal) {
      Result<Value> read = literal_argument(**getter, *literal, item->position);
      if (!read) return std::unexpected(std::move(read.error()));
      compiled.literals.push_back(*std::move(read));
      continue;
    }
    getter = converting(*std::move(getter), item_type(parameter.type));
    if (!getter) return refused(item->position, getter.error().message);
    compiled.getters.push_back(*std::move(getter));
  }
  return compiled;
}

Result<Argument> Compiler::converter_argument(const ArgumentSyntax& syntax) const {
  if (syntax.function.empty()) {
    return refused(syntax.position, "must be a converter's name, without parentheses");
  }
  const Result<const Function*> function = find_function(syntax.function, true);
  if (!function) return refused(syntax.position, function.error().message);
  const std::vector<Parameter>& parameters = (*function)->parameters;
  const auto is_needed = [](const Parameter& parameter) { return !parameter.is_optional; };
  if (parameters.empty() || std::ranges::count_if(parameters, is_needed) > 1) {
    return refused(syntax.position, fmt::format("{} does not take one argument", syntax.function));
  }
  std::vector<Argument> arguments(parameters.size());
  Result<GetterPtr> getter = converting(std::make_unique<HandedGetter>(), parameters.front().type);
  arguments.front().is_present = true;
  arguments.front().getter = *std::move(getter);
  Arguments taken(std::move(arguments));
  Result<Callable> built = (*function)->build(taken);
  if (!built) return refused(syntax.position, built.error().message);
  Argument compiled;
  compiled.converter = std::make_unique<const ConverterCall>(
      std::make_unique<CallGetter>(*std::move(built), std::vector<Key>()));
  return compiled;
}

Result<GetterPtr> Compiler::converter(const CallSyntax& syntax, std::size_t position) const {
  Result<Callable> function = call(syntax, position, true);
  if (!function) return std::unexpected(std::move(function.error()));
  Result<std::vector<Key>> compiled = keys(syntax.keys);
  if (!compiled) return std::unexpected(std::move(compiled.error()));
  return std::make_unique<CallGetter>(*std::move(function), *std::move(compiled));
}

Result<Callable> Compiler::editor(const CallSyntax& syntax, std::size_t position) const {
  return call(syntax, position, false);
}

}  // namespace kernspan::ottl
