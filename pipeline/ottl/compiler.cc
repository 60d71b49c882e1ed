#include "pipeline/ottl/compiler.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "pipeline/base/edit_distance.h"
#include "pipeline/ottl/arguments.h"
#include "pipeline/ottl/arithmetic.h"
#include "pipeline/ottl/compare.h"
#include "pipeline/ottl/conversion.h"
#include "pipeline/ottl/lexer.h"
#include "pipeline/ottl/path_table.h"
#include "pipeline/ottl/path_target.h"

namespace kernspan::ottl {
namespace {

class ConstantPredicate final : public Predicate {
 public:
  explicit ConstantPredicate(bool value) : value_(value) {}
  Result<bool> test(Evaluation& /*at*/) const override { return value_; }

 private:
  bool value_;
};

class CallPredicate final : public Predicate {
 public:
  explicit CallPredicate(GetterPtr call) : call_(std::move(call)) {}
  Result<bool> test(Evaluation& at) const override {
    Result<Value> value = call_->get(at);
    if (!value) return std::unexpected(std::move(value.error()));
    if (value->is(ValueType::kBool)) return value->as_bool();
    return permanent(fmt::format("the converter of a condition yields {} instead of a bool",
                                 type_name(value->type())));
  }

 private:
  GetterPtr call_;
};

// What most conditions are: nothing is copied, and nothing allocated.
class AttributePredicate final : public Predicate {
 public:
  AttributePredicate(GetterPtr attribute, Comparison comparison, Value literal)
      : attribute_(std::move(attribute)),
        target_(*as_attribute(*attribute_)),
        comparison_(comparison),
        literal_(std::move(literal)) {}
  Result<bool> test(Evaluation& at) const override {
    return compare_view(find_view(target_, at.record), comparison_, literal_);
  }

 private:
  GetterPtr attribute_;
  const AttributeTarget& target_;
  Comparison comparison_;
  Value literal_;
};

class ComparisonPredicate final : public Predicate {
 public:
  ComparisonPredicate(GetterPtr left, Comparison comparison, GetterPtr right)
      : left_(std::move(left)), right_(std::move(right)), comparison_(comparison) {}
  Result<bool> test(Evaluation& at) const override {
    Result<Value> left = left_->get(at);
    if (!left) return std::unexpected(std::move(left.error()));
    if (const Value* const literal = right_->literal()) {
      return compare(*left, comparison_, *literal);
    }
    Result<Value> right = right_->get(at);
    if (!right) return std::unexpected(std::move(right.error()));
    return compare(*left, comparison_, *right);
  }

 private:
  GetterPtr left_;
  GetterPtr right_;
  Comparison comparison_;
};

class NotPredicate final : public Predicate {
 public:
  explicit NotPredicate(PredicatePtr operand) : operand_(std::move(operand)) {}
  Result<bool> test(Evaluation& at) const override {
    Result<bool> holds = operand_->test(at);
    if (holds) *holds = !*holds;
    return holds;
  }

 private:
  PredicatePtr operand_;
};

// and, or: stops at the first operand that is `deciding`, and at the first error.
class JoinedPredicate final : public Predicate {
 public:
  JoinedPredicate(std::vector<PredicatePtr> operands, bool deciding)
      : operands_(std::move(operands)), deciding_(deciding) {}
  Result<bool> test(Evaluation& at) const override {
    for (const PredicatePtr& operand : operands_) {
      Result<bool> holds = operand->test(at);
      if (!holds || *holds == deciding_) return holds;
    }
    return !deciding_;
  }

 private:
  std::vector<PredicatePtr> operands_;
  bool deciding_;
};

class ListGetter final : public Getter {
 public:
  explicit ListGetter(std::vector<GetterPtr> items) : items_(std::move(items)) {}
  Result<Value> get(Evaluation& at) const override {
    List list;
    list.reserve(items_.size());
    for (const GetterPtr& item : items_) {
      Result<Value> value = item->get(at);
      if (!value) return value;
      list.push_back(*std::move(value));
    }
    return Value::list(std::move(list));
  }

 private:
  std::vector<GetterPtr> items_;
};

class MapGetter final : public Getter {
 public:
  explicit MapGetter(std::vector<std::pair<std::string, GetterPtr>> entries)
      : entries_(std::move(entries)) {}
  Result<Value> get(Evaluation& at) const override {
    Map map;
    for (const auto& [key, entry] : entries_) {
      Result<Value> value = entry->get(at);
      if (!value) return value;
      map.set(key, *std::move(value));
    }
    return Value::map(std::move(map));
  }

 private:
  std::vector<std::pair<std::string, GetterPtr>> entries_;
};

class ArithmeticGetter final : public Getter {
 public:
  ArithmeticGetter(GetterPtr left, ArithmeticOperator sign, GetterPtr right)
      : left_(std::move(left)), right_(std::move(right)), sign_(sign) {}
  Result<Value> get(Evaluation& at) const override {
    Result<Value> left = left_->get(at);
    if (!left) return left;
    Result<Value> right = right_->get(at);
    if (!right) return right;
    return calculate(*left, sign_, *right);
  }

 private:
  GetterPtr left_;
  GetterPtr right_;
  ArithmeticOperator sign_;
};

class NegationGetter final : public Getter {
 public:
  explicit NegationGetter(GetterPtr operand) : operand_(std::move(operand)) {}
  Result<Value> get(Evaluation& at) const override {
    Result<Value> value = operand_->get(at);
    if (!value) return value;
    return negate(*value);
  }

 private:
  GetterPtr operand_;
};

std::unexpected<Error> failed(std::size_t position, const Error& error) {
  return std::unexpected(error_at(position, error.message));
}

Result<GetterPtr> enum_literal(const EnumSyntax& syntax, std::size_t position) {
  if (const auto value = enum_value(syntax.symbol)) return literal_getter(Value::integer(*value));
  const std::vector<std::string> symbols(enum_symbols().begin(), enum_symbols().end());
  const auto meant = closest_word(syntax.symbol, symbols);
  return std::unexpected(error_at(
      position, meant ? fmt::format("there is no enum {}; is {} meant?", syntax.symbol, *meant)
                      : fmt::format("there is no enum {}; the enums are {}", syntax.symbol,
                                    fmt::join(symbols, ", "))));
}

template <typename To, typename From>
Result<To> widened(Result<From> result) {
  if (!result) return std::unexpected(std::move(result.error()));
  return To(*std::move(result));
}

}  // namespace

Result<PredicatePtr> Compiler::boolean(const BooleanSyntax& syntax) const {
  if (const auto* comparison_syntax = std::get_if<ComparisonSyntax>(&syntax.node)) {
    return comparison(*comparison_syntax);
  }
  if (const auto* expression = std::get_if<ExpressionPtr>(&syntax.node)) {
    return constant(**expression);
  }
  if (const auto* negated = std::get_if<NotSyntax>(&syntax.node)) {
    Result<PredicatePtr> operand = boolean(*negated->operand);
    if (!operand) return operand;
    return std::make_unique<NotPredicate>(*std::move(operand));
  }
  const auto* const all = std::get_if<AllSyntax>(&syntax.node);
  Result<std::vector<PredicatePtr>> operands =
      booleans(all != nullptr ? all->operands : std::get<AnySyntax>(syntax.node).operands);
  if (!operands) return std::unexpected(std::move(operands.error()));
  return std::make_unique<JoinedPredicate>(*std::move(operands), all == nullptr);
}

Result<std::vector<PredicatePtr>> Compiler::booleans(const std::vector<BooleanPtr>& syntax) const {
  std::vector<PredicatePtr> compiled;
  for (const BooleanPtr& operand : syntax) {
    Result<PredicatePtr> predicate = boolean(*operand);
    if (!predicate) return std::unexpected(std::move(predicate.error()));
    compiled.push_back(*std::move(predicate));
  }
  return compiled;
}

Result<PredicatePtr> Compiler::comparison(const ComparisonSyntax& syntax) const {
  Result<GetterPtr> left = value(*syntax.left);
  if (!left) return std::unexpected(std::move(left.error()));
  Result<GetterPtr> right = value(*syntax.right);
  if (!right) return std::unexpected(std::move(right.error()));
  const Value* const left_literal = (*left)->literal();
  const Value* const right_literal = (*right)->literal();
  if (right_literal != nullptr && as_attribute(**left) != nullptr) {
    return std::make_unique<AttributePredicate>(*std::move(left), syntax.comparison,
                                                *right_literal);
  }
  if (left_literal != nullptr && as_attribute(**right) != nullptr) {
    return std::make_unique<AttributePredicate>(*std::move(right), mirrored(syntax.comparison),
                                                *left_literal);
  }
  return std::make_unique<ComparisonPredicate>(*std::move(left), syntax.comparison,
                                               *std::move(right));
}

Result<PredicatePtr> Compiler::constant(const Expression& syntax) const {
  if (const auto* literal = std::get_if<Value>(&syntax.node)) {
    return std::make_unique<ConstantPredicate>(literal->as_bool());
  }
  Result<GetterPtr> call = value(syntax);
  if (!call) return std::unexpected(std::move(call.error()));
  return std::make_unique<CallPredicate>(*std::move(call));
}

Result<GetterPtr> Compiler::value(const Expression& syntax) const {
  if (const auto* literal = std::get_if<Value>(&syntax.node)) return literal_getter(*literal);
  if (const auto* node = std::get_if<EnumSyntax>(&syntax.node)) {
    return enum_literal(*node, syntax.position);
  }
  if (const auto* node = std::get_if<PathSyntax>(&syntax.node)) {
    return widened<GetterPtr>(path(*node, syntax.position));
  }
  if (const auto* node = std::get_if<CallSyntax>(&syntax.node)) {
    return converter(*node, syntax.position);
  }
  if (const auto* node = std::get_if<ListSyntax>(&syntax.node)) return list(*node);
  if (const auto* node = std::get_if<MapSyntax>(&syntax.node)) return map(*node);
  if (const auto* node = std::get_if<ArithmeticSyntax>(&syntax.node)) {
    return arithmetic(*node, syntax.position);
  }
  return negation(std::get<NegationSyntax>(syntax.node), syntax.position);
}

Result<TargetPtr> Compiler::path(const PathSyntax& syntax, std::size_t position) const {
  Result<std::vector<Key>> compiled = keys(syntax.segments.back().keys);
  if (!compiled) return std::unexpected(std::move(compiled.error()));
  Result<TargetPtr> target = make_target(syntax, context_, *std::move(compiled), lookups_);
  if (!target) return failed(position, target.error());
  return target;
}

Result<std::vector<Key>> Compiler::keys(const std::vector<ExpressionPtr>& syntax) const {
  std::vector<Key> compiled;
  for (const ExpressionPtr& key : syntax) {
    Result<GetterPtr> getter = value(*key);
    if (!getter) return std::unexpected(std::move(getter.error()));
    const Value* const literal = (*getter)->literal();
    if (literal == nullptr) {
      compiled.emplace_back(*std::move(getter));
    } else if (literal->is(ValueType::kString)) {
      compiled.emplace_back(std::string(literal->as_string()));
    } else if (literal->is(ValueType::kInt)) {
      compiled.emplace_back(literal->as_int());
    } else {
      return std::unexpected(
          error_at(key->position,
                   fmt::format("a key is a string or an int, not {}", type_name(literal->type()))));
    }
  }
  return compiled;
}

Result<GetterPtr> Compiler::list(const ListSyntax& syntax) const {
  std::vector<GetterPtr> items;
  List literals;
  for (const ExpressionPtr& item : syntax.items) {
    Result<GetterPtr> getter = value(*item);
    if (!getter) return getter;
    if (const Value* const literal = (*getter)->literal()) literals.push_back(*literal);
    items.push_back(*std::move(getter));
  }
  if (literals.size() == items.size()) return literal_getter(Value::list(std::move(literals)));
  return std::make_unique<ListGetter>(std::move(items));
}

Result<GetterPtr> Compiler::map(const MapSyntax& syntax) const {
  std::vector<std::pair<std::string, GetterPtr>> entries;
  Map literals;
  bool is_literal = true;
  for (const auto& [key, entry] : syntax.entries) {
    Result<GetterPtr> getter = value(*entry);
    if (!getter) return getter;
    const Value* const literal = (*getter)->literal();
    is_literal = is_literal && literal != nullptr;
    if (is_literal) literals.set(key, *literal);
    entries.emplace_back(key, *std::move(getter));
  }
  if (is_literal) return literal_getter(Value::map(std::move(literals)));
  return std::make_unique<MapGetter>(std::move(entries));
}

Result<GetterPtr> Compiler::arithmetic(const ArithmeticSyntax& syntax, std::size_t position) const {
  Result<GetterPtr> left = value(*syntax.left);
  if (!left) return left;
  Result<GetterPtr> right = value(*syntax.right);
  if (!right) return right;
  if ((*left)->literal() == nullptr || (*right)->literal() == nullptr) {
    return std::make_unique<ArithmeticGetter>(*std::move(left), syntax.sign, *std::move(right));
  }
  Result<Value> folded = calculate(*(*left)->literal(), syntax.sign, *(*right)->literal());
  if (!folded) return failed(position, folded.error());
  return literal_getter(*std::move(folded));
}

Result<GetterPtr> Compiler::negation(const NegationSyntax& syntax, std::size_t position) const {
  Result<GetterPtr> operand = value(*syntax.operand);
  if (!operand) return operand;
  const Value* const literal = (*operand)->literal();
  if (literal == nullptr) return std::make_unique<NegationGetter>(*std::move(operand));
  Result<Value> folded = negate(*literal);
  if (!folded) return failed(position, folded.error());
  return literal_getter(*std::move(folded));
}

}  // namespace kernspan::ottl
