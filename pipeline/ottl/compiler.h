// From what was parsed to what runs: paths resolved, functions looked up, arguments matched and
// converted, literals folded. Everything made here is immutable and may be evaluated by several
// threads, each with its own Evaluation.
#pragma once

#include <memory>

#include "pipeline/ottl/arguments.h"
#include "pipeline/ottl/index.h"
#include "pipeline/ottl/record.h"
#include "pipeline/ottl/syntax.h"

namespace kernspan::ottl {

// Something that is true or false of a record.
class Predicate {
 public:
  virtual ~Predicate() = default;
  virtual Result<bool> test(Evaluation& at) const = 0;
};
using PredicatePtr = std::unique_ptr<const Predicate>;

// Errors name the column.
class Compiler {
 public:
  // `lookups` may be null.
  Compiler(Context context, const FunctionTable& functions, Lookups* lookups = nullptr)
      : context_(context), functions_(functions), lookups_(lookups) {}

  Result<PredicatePtr> boolean(const BooleanSyntax& syntax) const;
  Result<GetterPtr> value(const Expression& syntax) const;
  Result<Callable> editor(const CallSyntax& syntax, std::size_t position) const;

 private:
  Result<PredicatePtr> comparison(const ComparisonSyntax& syntax) const;
  Result<PredicatePtr> constant(const Expression& syntax) const;
  Result<std::vector<PredicatePtr>> booleans(const std::vector<BooleanPtr>& syntax) const;

  Result<TargetPtr> path(const PathSyntax& syntax, std::size_t position) const;
  Result<std::vector<Key>> keys(const std::vector<ExpressionPtr>& syntax) const;
  Result<GetterPtr> list(const ListSyntax& syntax) const;
  Result<GetterPtr> map(const MapSyntax& syntax) const;
  Result<GetterPtr> arithmetic(const ArithmeticSyntax& syntax, std::size_t position) const;
  Result<GetterPtr> negation(const NegationSyntax& syntax, std::size_t position) const;

  // calls.cc
  Result<GetterPtr> converter(const CallSyntax& syntax, std::size_t position) const;
  Result<Callable> call(const CallSyntax& syntax, std::size_t position, bool is_converter) const;
  Result<const Function*> find_function(std::string_view name, bool is_converter) const;
  Result<std::vector<const ArgumentSyntax*>> match(const Function& function,
                                                   const CallSyntax& syntax) const;
  Result<GivenArgument> argument(const Parameter& parameter, const ArgumentSyntax& syntax) const;
  Result<GivenArgument> list_argument(const Parameter& parameter,
                                      const ArgumentSyntax& syntax) const;
  Result<GivenArgument> converter_argument(const ArgumentSyntax& syntax) const;

  Context context_;
  const FunctionTable& functions_;
  Lookups* const lookups_;
};

}  // namespace kernspan::ottl
