// Conditions and statements, compiled once and run per record.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "pipeline/base/clock.h"
#include "pipeline/base/error.h"
#include "pipeline/otlp/span_index.h"
#include "pipeline/ottl/function.h"
#include "pipeline/ottl/record.h"

namespace kernspan::ottl {

// What becomes of an error that a condition or statement ends with on one record: the key
// error_mode of everything that has some. Applied by the caller.
enum class ErrorMode : std::uint8_t {
  kIgnore,     // logged, and the next one is tried
  kSilent,     // the next one is tried
  kPropagate,  // the batch is refused
};

const Clock& system_clock();

class Predicate;

// Immutable: any thread, each with its own Evaluation.
class Condition {
 public:
  // Fails with "column 12: what is wrong and what to write". The table is borrowed. The attributes
  // that it asks for are added to `lookups`, when there are some, which outlive the condition.
  static Result<Condition> compile(std::string_view text, Context context,
                                   const FunctionTable& functions = standard_functions(),
                                   Lookups* lookups = nullptr);
  Condition(Condition&&) noexcept;
  Condition& operator=(Condition&&) noexcept;
  ~Condition();

  // `at.record` has the context's part open, and those above. The error is this record's alone.
  Result<bool> test(Evaluation& at) const;

 private:
  explicit Condition(std::unique_ptr<const Predicate> predicate);

  std::unique_ptr<const Predicate> predicate_;
};

// An editor with its condition.
class Statement {
 public:
  static Result<Statement> compile(std::string_view text, Context context,
                                   const FunctionTable& functions = standard_functions());
  Statement(Statement&&) noexcept;
  Statement& operator=(Statement&&) noexcept;
  ~Statement();

  // Whether the condition held and the editor ran.
  Result<bool> apply(Evaluation& at) const;

 private:
  Statement(Callable editor, std::unique_ptr<const Predicate> where);

  Callable editor_;
  std::unique_ptr<const Predicate> where_;  // null without one
};

// A condition on the spans of an index, for those who decide about whole spans or traces.
class SpanCondition {
 public:
  // In the contexts resource and scope it is about the span's resource and scope; in spanevent it
  // holds for a span when it holds for one of its events. The clock is borrowed.
  static Result<SpanCondition> compile(std::string_view text, Context context = Context::kSpan,
                                       const FunctionTable& functions = standard_functions(),
                                       const Clock& clock = system_clock());

  // Allocates nothing for comparisons of attributes and fields with literals.
  Result<bool> test(const otlp::SpanIndex& index, std::size_t span) const;

 private:
  SpanCondition(Condition condition, Context context, const Clock& clock)
      : condition_(std::move(condition)), context_(context), clock_(&clock) {}

  Condition condition_;
  Context context_;
  const Clock* clock_;
};

// The context in which texts that name one in every path belong together: the lowest of those that
// their paths name. An error when a path names none, or none of them has a path.
Result<Context> infer_context(std::span<const std::string> conditions,
                              std::span<const std::string> statements = {});

}  // namespace kernspan::ottl
