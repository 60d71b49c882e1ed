#include "pipeline/processors/transform/statement_group.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

namespace kernspan {
namespace {

using ottl::Context;

// A text and where the configuration has it.
struct PlacedText {
  std::string text;
  ConfigPosition position;
};

std::vector<std::string> texts_of(const std::vector<PlacedText>& placed) {
  std::vector<std::string> texts;
  for (const PlacedText& one : placed) texts.push_back(one.text);
  return texts;
}

// The items of a list that are texts; others are reported.
std::vector<PlacedText> read_texts(ConfigReader& reader, const char* key, std::string_view what) {
  std::vector<PlacedText> texts;
  const ConfigNode* const list = reader.node(key);
  if (list == nullptr) return texts;
  if (!list->is_list()) {
    reader.error(key, fmt::format("must be a list of {}", what));
    return texts;
  }
  for (const ConfigNode& item : list->items()) {
    if (!item.is_scalar()) {
      reader.add_problem(item.position(), fmt::format("{}::{}: {} must be text, not {}",
                                                      reader.path(), key, what, item.describe()));
      continue;
    }
    texts.push_back({item.text(), item.position()});
  }
  return texts;
}

}  // namespace

void read_error_mode(ConfigReader& reader, ottl::ErrorMode* mode) {
  reader.choice("error_mode", mode,
                {{"ignore", ottl::ErrorMode::kIgnore},
                 {"silent", ottl::ErrorMode::kSilent},
                 {"propagate", ottl::ErrorMode::kPropagate}});
}

class StatementGroupReader {
 public:
  StatementGroupReader(ConfigReader& reader, ottl::ErrorMode error_mode) : reader_(reader) {
    group_.error_mode_ = error_mode;
  }

  // A group of its own.
  StatementGroup read_group() {
    read_error_mode(reader_, &group_.error_mode_);
    std::optional<Context> context;
    if (reader_.has("context")) {
      reader_.choice("context", &context.emplace(Context::kSpan),
                     {{"resource", Context::kResource},
                      {"scope", Context::kScope},
                      {"span", Context::kSpan},
                      {"spanevent", Context::kSpanEvent}});
    }
    const std::vector<PlacedText> conditions = read_texts(reader_, "conditions", "conditions");
    const std::vector<PlacedText> statements = read_texts(reader_, "statements", "statements");
    compile(context, conditions, statements);
    return std::move(group_);
  }

  StatementGroup read_flat(const char* key) {
    compile(std::nullopt, {}, read_texts(reader_, key, "statements"));
    return std::move(group_);
  }

 private:
  void compile(std::optional<Context> context, const std::vector<PlacedText>& conditions,
               const std::vector<PlacedText>& statements) {
    if (statements.empty()) return;
    if (!context) context = infer(conditions, statements);
    if (!context) return;
    group_.context_ = *context;
    for (const PlacedText& one : conditions) {
      Result<ottl::Condition> condition = ottl::Condition::compile(one.text, *context);
      if (!condition) {
        report(one, "condition", condition.error());
        continue;
      }
      group_.conditions_.push_back({one.text, *std::move(condition)});
    }
    for (const PlacedText& one : statements) {
      Result<ottl::Statement> statement = ottl::Statement::compile(one.text, *context);
      if (!statement) {
        report(one, "statement", statement.error());
        continue;
      }
      group_.statements_.push_back({one.text, *std::move(statement)});
    }
  }

  // The error of a group is told at the first text that is wrong by itself, else at the first.
  std::optional<Context> infer(const std::vector<PlacedText>& conditions,
                               const std::vector<PlacedText>& statements) {
    const Result<Context> context = ottl::infer_context(texts_of(conditions), texts_of(statements));
    if (context) return *context;
    for (const PlacedText& one : conditions) {
      const std::vector<std::string> alone = {one.text};
      const Result<Context> checked = ottl::infer_context(alone);
      if (!checked && checked.error().message == context.error().message) {
        report(one, "condition", context.error());
        return std::nullopt;
      }
    }
    for (const PlacedText& one : statements) {
      const std::vector<std::string> alone = {one.text};
      const Result<Context> checked = ottl::infer_context({}, alone);
      if (!checked && checked.error().message == context.error().message) {
        report(one, "statement", context.error());
        return std::nullopt;
      }
    }
    report(statements.front(), "statement", context.error());
    return std::nullopt;
  }

  void report(const PlacedText& one, std::string_view what, const Error& error) {
    reader_.add_problem(one.position, fmt::format("{}: the {} `{}`: {}", reader_.path(), what,
                                                  one.text, error.message));
  }

  ConfigReader& reader_;
  StatementGroup group_;
};

std::vector<StatementGroup> read_statement_groups(ConfigReader& reader, const char* key,
                                                  ottl::ErrorMode error_mode) {
  std::vector<StatementGroup> groups;
  const ConfigNode* const list = reader.root().find(key);
  if (list == nullptr) return groups;
  const auto is_text = [](const ConfigNode& item) { return item.is_scalar(); };
  const bool has_texts = list->is_list() && std::ranges::any_of(list->items(), is_text);
  if (has_texts && !std::ranges::all_of(list->items(), is_text)) {
    reader.node(key);
    reader.error(key,
                 "configuring multiple configuration styles is not supported: write a list of "
                 "statements, or a list of groups with `statements`");
    return groups;
  }
  if (has_texts) {
    groups.push_back(StatementGroupReader(reader, error_mode).read_flat(key));
    return groups;
  }
  for (ConfigReader* const group : reader.sections(key)) {
    groups.push_back(StatementGroupReader(*group, error_mode).read_group());
  }
  return groups;
}

}  // namespace kernspan
