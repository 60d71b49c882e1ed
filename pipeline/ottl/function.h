// How functions of statements are declared, looked up and called.
//
// A converter (UpperCase) computes a value, an editor (lower_case) changes the record. Both are one
// row of a table: name, parameters, and a builder. The builder runs once, when a statement is
// compiled: it takes the arguments, checks what can be checked then (a literal pattern, a unit), and
// returns the function that runs per record.
//
//   Result<Callable> build_concat(Arguments& arguments) {
//     return [values = arguments.getters(0),
//             delimiter = arguments.text(1)](Evaluation& at) -> Result<Value> {
//       std::string joined;
//       for (const GetterPtr& getter : values) {
//         Result<Value> value = getter->get(at);
//         if (!value) return std::unexpected(std::move(value.error()));
//         ...                                   // of kStringLikeList: a string, or nil
//       }
//       return Value::string(std::move(joined));
//     };
//   }
//   table.add({"Concat", {{"values", ParameterType::kStringLikeList}, {"delimiter", ParameterType::kTextLiteral}}, build_concat});
//
// Arguments are matched and converted by the compiler: given by position or by name, a getter of
// kInt yields an int or an error ("expected int but got string") and never something else, and
// literals of a wrong type are refused when the statement is compiled.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "pipeline/base/clock.h"
#include "pipeline/base/error.h"
#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

class Record;  // record.h: the resource, scope, span and event that a statement looks at

// What one evaluation runs on. One thread.
struct Evaluation {
  Record& record;
  const Clock& clock;               // Now()
  const Value* argument = nullptr;  // of a converter that another function calls (ConverterCall)
};

// Something that has a value: a path, a literal, a converter's call, an arithmetic expression, a
// list or a map. Immutable, so that several threads may evaluate one.
class Getter {
 public:
  virtual ~Getter() = default;
  virtual Result<Value> get(Evaluation& at) const = 0;
  // The value when it is known while compiling: for patterns and the like, which are then compiled
  // once. Null when it depends on the record.
  virtual const Value* literal() const { return nullptr; }
};
using GetterPtr = std::unique_ptr<const Getter>;

// A path that can be written: `attributes`, `attributes["k"]`, `name`, `status.code`, `cache["x"]`.
class Target : public Getter {
 public:
  // Fails, and changes nothing, when the value is not of a type that the path takes. Setting a map's
  // key to nil does nothing, as upstream (delete_key removes).
  virtual Status set(Evaluation& at, Value value) const = 0;
};
using TargetPtr = std::unique_ptr<const Target>;

enum class ParameterType : std::uint8_t {
  // Getters: any path, literal, expression or converter. The value is of the type, else an error:
  kAny,       // whatever it is, nil included
  kString,    // upstream's StringGetter: nil is an error as well
  kInt,       // IntGetter
  kDouble,    // FloatGetter
  kBool,      // BoolGetter
  kTime,      // TimeGetter
  kDuration,  // DurationGetter
  kMap,       // PMapGetter
  kList,      // PSliceGetter
  // Converted as upstream's ...LikeGetter does; nil stays nil:
  kStringLike,  // a string (text_of())
  kIntLike,     // an int: of doubles, strings with digits, bools
  kDoubleLike,  // a double: of ints, numeric strings, bools
  kBoolLike,    // a bool: of ints, doubles, "true", "1" ...
  kBytesLike,   // bytes: of strings, and of numbers and bools, big-endian
  // Paths that can be written. The types say what get() yields or fails.
  kTarget,      // GetSetter, Setter: any path
  kMapTarget,   // PMapGetSetter
  kListTarget,  // PSliceGetSetter
  // Known when the statement is compiled:
  kTextLiteral,    // string
  kIntLiteral,     // int64
  kDoubleLiteral,  // float64; an int literal will do
  kBoolLiteral,    // bool
  kEnum,           // an enum's symbol: SPAN_KIND_SERVER
  // Lists in brackets: a getter, converted, or a literal for each item.
  kAnyList,
  kStringList,
  kStringLikeList,
  kIntList,
  kMapList,
  kTextLiteralList,
  kIntLiteralList,
  // The name of a converter, without parentheses: replace_pattern(name, "a", "b", SHA256).
  kConverter,
};

struct Parameter {
  std::string_view name;  // as in `name = value`; a literal
  ParameterType type;
  bool is_optional = false;  // only behind all that are not
};

// Per record, of several threads at once. An editor returns nil.
using Callable = std::move_only_function<Result<Value>(Evaluation& at) const>;

// A converter that a function applies to values of its own.
class ConverterCall {
 public:
  explicit ConverterCall(GetterPtr call) : call_(std::move(call)) {}
  Result<Value> apply(Evaluation& at, const Value& argument) const;

 private:
  GetterPtr call_;
};

struct GivenArgument;  // arguments.h

// The arguments of one call while it is compiled, by the parameters' numbers. Each is taken once.
// Asking for another kind than the parameter's type is a programming error.
class Arguments {
 public:
  explicit Arguments(std::vector<GivenArgument> arguments);
  Arguments(Arguments&&) noexcept;
  ~Arguments();

  // False for an optional one that is absent; the members below are then empty, null, or the
  // fallback.
  bool has(std::size_t parameter) const;

  GetterPtr getter(std::size_t parameter);                // kAny ... kBytesLike
  TargetPtr target(std::size_t parameter);                // kTarget ... kListTarget
  std::vector<GetterPtr> getters(std::size_t parameter);  // kAnyList ... kMapList
  std::string text(std::size_t parameter, std::string_view fallback = "");
  std::int64_t integer(std::size_t parameter, std::int64_t fallback = 0);  // kIntLiteral, kEnum
  double number(std::size_t parameter, double fallback = 0);
  bool boolean(std::size_t parameter, bool fallback = false);
  std::vector<std::string> texts(std::size_t parameter);
  std::vector<std::int64_t> integers(std::size_t parameter);
  std::unique_ptr<const ConverterCall> converter(std::size_t parameter);

 private:
  std::vector<GivenArgument> arguments_;
};

// An error is what is wrong with the arguments ("the regular expression ...: missing )"); the
// compiler puts the function's name and place in front.
using Builder = std::function<Result<Callable>(Arguments& arguments)>;

struct Function {
  std::string_view name;  // a literal; upper case first: a converter, lower case first: an editor
  std::vector<Parameter> parameters;
  Builder build;
  // Looks at the span itself: refused in the contexts resource and scope, and a reason to infer span.
  bool needs_span = false;

  bool is_converter() const { return name.front() >= 'A' && name.front() <= 'Z'; }
};

class FunctionTable {
 public:
  void add(Function function);  // a name that is there already is replaced
  const Function* find(std::string_view name) const;
  std::vector<std::string> names() const;  // sorted

 private:
  std::map<std::string_view, Function> functions_;
};

// All functions that statements have by default: functions/standard_functions.cc.
const FunctionTable& standard_functions();

}  // namespace kernspan::ottl
