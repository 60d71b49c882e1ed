// A condition or statement as it was written: what the parser makes and the compiler reads.
//
//   statement  := editor [ "where" boolean ]
//   boolean    := term { "or" term }        term := factor { "and" factor }
//   factor     := [ "not" ] ( value comparison value | "true" | "false" | converter | "(" boolean ")" )
//   value      := sum;   sum := product { ("+"|"-") product };   product := unary { ("*"|"/") unary }
//   unary      := [ "+" | "-" ] ( literal | path | converter | ENUM | list | map | "(" value ")" )
//   path       := segment { "." segment };   segment := lower_case { key }
//   converter  := Name "(" arguments ")" { key }
//   key        := "[" value "]"
//   arguments  := [ argument { "," argument } ];  argument := [ name "=" ] ( value | Name )
//
// Spec: pkg/ottl/LANGUAGE.md and grammar.go of opentelemetry-collector-contrib. Two things are read
// that upstream's lexer refuses: "1-1" without spaces is a difference, and a list may end in a comma.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "pipeline/ottl/value.h"

namespace kernspan::ottl {

// What a text may have: of what is configured nothing sensible comes near these. They bound the
// depth of every recursion over what was parsed.
inline constexpr std::size_t kMaxTextBytes = 64 * 1024;
inline constexpr int kMaxSyntaxDepth = 48;
inline constexpr std::size_t kMaxChain = 200;    // of + and -, or of * and /
inline constexpr std::size_t kMaxItems = 4'096;  // of a list, map or argument list

struct Expression;
using ExpressionPtr = std::unique_ptr<Expression>;

struct PathSegment {
  std::string name;
  std::vector<ExpressionPtr> keys;
};

struct PathSyntax {
  std::vector<PathSegment> segments;

  std::string name() const;  // without keys: "resource.attributes"
};

struct ArgumentSyntax {
  std::size_t position = 0;
  std::string name;      // empty when it is given by position
  ExpressionPtr value;   // null when it is a function's name
  std::string function;  // without parentheses
};

struct CallSyntax {
  std::string name;
  std::vector<ArgumentSyntax> arguments;
  std::vector<ExpressionPtr> keys;
};

struct EnumSyntax {
  std::string symbol;
};

struct ListSyntax {
  std::vector<ExpressionPtr> items;
};

struct MapSyntax {
  std::vector<std::pair<std::string, ExpressionPtr>> entries;
};

enum class ArithmeticOperator : std::uint8_t { kAdd, kSubtract, kMultiply, kDivide };

struct ArithmeticSyntax {
  ArithmeticOperator sign = ArithmeticOperator::kAdd;
  ExpressionPtr left;
  ExpressionPtr right;
};

struct NegationSyntax {
  ExpressionPtr operand;
};

// Positions are offsets into the text.
struct Expression {
  std::size_t position = 0;
  // A Value is a literal.
  std::variant<Value, EnumSyntax, PathSyntax, CallSyntax, ListSyntax, MapSyntax, ArithmeticSyntax,
               NegationSyntax>
      node;
};

struct BooleanSyntax;
using BooleanPtr = std::unique_ptr<BooleanSyntax>;

struct ComparisonSyntax {
  ExpressionPtr left;
  Comparison comparison = Comparison::kEqual;
  ExpressionPtr right;
};

struct NotSyntax {
  BooleanPtr operand;
};

struct AllSyntax {
  std::vector<BooleanPtr> operands;  // joined by and
};

struct AnySyntax {
  std::vector<BooleanPtr> operands;  // joined by or
};

struct BooleanSyntax {
  std::size_t position = 0;
  // An expression: true, false or a converter.
  std::variant<ComparisonSyntax, ExpressionPtr, NotSyntax, AllSyntax, AnySyntax> node;
};

struct StatementSyntax {
  std::size_t position = 0;
  CallSyntax editor;
  BooleanPtr where;  // null without one
};

}  // namespace kernspan::ottl
