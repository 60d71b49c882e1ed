#include "pipeline/ottl/condition.h"

#include <utility>

#include "pipeline/ottl/compiler.h"
#include "pipeline/ottl/parser.h"

namespace kernspan::ottl {

const Clock& system_clock() {
  static const SystemClock kClock;
  return kClock;
}

Condition::Condition(PredicatePtr predicate) : predicate_(std::move(predicate)) {}
Condition::Condition(Condition&&) noexcept = default;
Condition& Condition::operator=(Condition&&) noexcept = default;
Condition::~Condition() = default;

Result<Condition> Condition::compile(std::string_view text, Context context,
                                     const FunctionTable& functions, Lookups* lookups) {
  const Result<BooleanPtr> parsed = parse_condition(text);
  if (!parsed) return std::unexpected(parsed.error());
  Result<PredicatePtr> predicate = Compiler(context, functions, lookups).boolean(**parsed);
  if (!predicate) return std::unexpected(std::move(predicate.error()));
  return Condition(*std::move(predicate));
}

Result<bool> Condition::test(Evaluation& at) const {
  return predicate_->test(at);
}

Statement::Statement(Callable editor, PredicatePtr where)
    : editor_(std::move(editor)), where_(std::move(where)) {}
Statement::Statement(Statement&&) noexcept = default;
Statement& Statement::operator=(Statement&&) noexcept = default;
Statement::~Statement() = default;

Result<Statement> Statement::compile(std::string_view text, Context context,
                                     const FunctionTable& functions) {
  const Result<StatementSyntax> parsed = parse_statement(text);
  if (!parsed) return std::unexpected(parsed.error());
  const Compiler compiler(context, functions);
  Result<Callable> editor = compiler.editor(parsed->editor, parsed->position);
  if (!editor) return std::unexpected(std::move(editor.error()));
  if (parsed->where == nullptr) return Statement(*std::move(editor), nullptr);
  Result<PredicatePtr> where = compiler.boolean(*parsed->where);
  if (!where) return std::unexpected(std::move(where.error()));
  return Statement(*std::move(editor), *std::move(where));
}

Result<bool> Statement::apply(Evaluation& at) const {
  if (where_ != nullptr) {
    Result<bool> holds = where_->test(at);
    if (!holds || !*holds) return holds;
  }
  Result<Value> done = editor_(at);
  if (!done) return std::unexpected(std::move(done.error()));
  return true;
}

Result<SpanCondition> SpanCondition::compile(std::string_view text, Context context,
                                             const FunctionTable& functions, const Clock& clock) {
  Result<Condition> condition = Condition::compile(text, context, functions);
  if (!condition) return std::unexpected(std::move(condition.error()));
  return SpanCondition(*std::move(condition), context, clock);
}

Result<bool> SpanCondition::test(const otlp::SpanIndex& index, std::size_t span) const {
  Record record;
  Evaluation at{.record = record, .clock = *clock_};
  record.open_span(index, span);
  if (context_ != Context::kSpanEvent) return condition_.test(at);
  std::size_t position = 0;
  for (const std::string_view event :
       otlp::FieldRange<std::string_view>(index.bytes(span), otlp::wire::span::kEvents)) {
    record.open_event(event, position++);
    Result<bool> holds = condition_.test(at);
    if (!holds || *holds) return holds;
  }
  return false;
}

}  // namespace kernspan::ottl
