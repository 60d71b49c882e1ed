// Which context a group of conditions or statements belongs to.
#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "pipeline/ottl/condition.h"
#include "pipeline/ottl/lexer.h"
#include "pipeline/ottl/parser.h"
#include "pipeline/ottl/path_target.h"

namespace kernspan::ottl {
namespace {

// The lowest context of all paths of a text. Recursion is bounded as the parser's is.
class PathContexts {
 public:
  Status boolean(const BooleanSyntax& syntax) {
    if (const auto* comparison = std::get_if<ComparisonSyntax>(&syntax.node)) {
      if (Status left = expression(*comparison->left); !left) return left;
      return expression(*comparison->right);
    }
    if (const auto* constant = std::get_if<ExpressionPtr>(&syntax.node)) {
      return expression(**constant);
    }
    if (const auto* negated = std::get_if<NotSyntax>(&syntax.node)) {
      return boolean(*negated->operand);
    }
    const auto* const all = std::get_if<AllSyntax>(&syntax.node);
    const auto& operands =
        all != nullptr ? all->operands : std::get<AnySyntax>(syntax.node).operands;
    for (const BooleanPtr& operand : operands) {
      if (Status read = boolean(*operand); !read) return read;
    }
    return {};
  }

  Status call(const CallSyntax& syntax) {
    const Function* const function = standard_functions().find(syntax.name);
    if (function != nullptr && function->needs_span) lower_to(Context::kSpan);
    for (const ArgumentSyntax& argument : syntax.arguments) {
      if (argument.value == nullptr) continue;
      if (Status read = expression(*argument.value); !read) return read;
    }
    return all(syntax.keys);
  }

  std::optional<Context> found() const { return found_; }

 private:
  Status all(const std::vector<ExpressionPtr>& expressions) {
    for (const ExpressionPtr& item : expressions) {
      if (Status read = expression(*item); !read) return read;
    }
    return {};
  }

  Status expression(const Expression& syntax) {
    if (const auto* node = std::get_if<PathSyntax>(&syntax.node)) {
      return path(*node, syntax.position);
    }
    if (const auto* node = std::get_if<CallSyntax>(&syntax.node)) return call(*node);
    if (const auto* node = std::get_if<ListSyntax>(&syntax.node)) return all(node->items);
    if (const auto* node = std::get_if<MapSyntax>(&syntax.node)) {
      for (const auto& [key, entry] : node->entries) {
        if (Status read = expression(*entry); !read) return read;
      }
    }
    if (const auto* node = std::get_if<ArithmeticSyntax>(&syntax.node)) {
      if (Status left = expression(*node->left); !left) return left;
      return expression(*node->right);
    }
    if (const auto* node = std::get_if<NegationSyntax>(&syntax.node)) {
      return expression(*node->operand);
    }
    return {};
  }

  Status path(const PathSyntax& syntax, std::size_t position) {
    const std::optional<Context> named = named_context(syntax);
    if (!named) {
      return std::unexpected(
          error_at(position, fmt::format("the path {0} does not say whose it is; write span.{0}, "
                                         "resource.{0}, or give the context",
                                         syntax.name())));
    }
    lower_to(*named);
    for (const PathSegment& segment : syntax.segments) {
      if (Status read = all(segment.keys); !read) return read;
    }
    return {};
  }

  void lower_to(Context context) { found_ = found_ ? std::max(*found_, context) : context; }

  std::optional<Context> found_;
};

}  // namespace

Result<Context> infer_context(std::span<const std::string> conditions,
                              std::span<const std::string> statements) {
  PathContexts contexts;
  for (const std::string& text : conditions) {
    const Result<BooleanPtr> parsed = parse_condition(text);
    if (!parsed) return std::unexpected(parsed.error());
    if (Status read = contexts.boolean(**parsed); !read) return std::unexpected(read.error());
  }
  for (const std::string& text : statements) {
    const Result<StatementSyntax> parsed = parse_statement(text);
    if (!parsed) return std::unexpected(parsed.error());
    if (Status read = contexts.call(parsed->editor); !read) return std::unexpected(read.error());
    if (parsed->where == nullptr) continue;
    if (Status read = contexts.boolean(*parsed->where); !read) return std::unexpected(read.error());
  }
  if (contexts.found()) return *contexts.found();
  return permanent("has no path that says what it is about; give the context: span");
}

}  // namespace kernspan::ottl
