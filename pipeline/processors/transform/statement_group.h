#pragma once

#include <string>
#include <vector>

#include "pipeline/component/config_reader.h"
#include "pipeline/ottl/condition.h"

namespace kernspan {

// Statements that run together on each record of one context, in order, where one of the conditions
// holds. Immutable; any thread.
class StatementGroup {
 public:
  struct Line {
    std::string text;  // as it is configured, for messages
    ottl::Statement statement;
  };
  struct Gate {
    std::string text;
    ottl::Condition condition;
  };

  ottl::Context context() const { return context_; }
  ottl::ErrorMode error_mode() const { return error_mode_; }
  const std::vector<Gate>& conditions() const { return conditions_; }  // none: for all records
  const std::vector<Line>& statements() const { return statements_; }

 private:
  friend class StatementGroupReader;

  ottl::Context context_ = ottl::Context::kSpan;
  ottl::ErrorMode error_mode_ = ottl::ErrorMode::kIgnore;
  std::vector<Gate> conditions_;
  std::vector<Line> statements_;
};

void read_error_mode(ConfigReader& reader, ottl::ErrorMode* mode);

// The groups of a list `key` that holds either statements, which are one group, or groups
// (`context`, `conditions`, `error_mode`, `statements`). What is wrong is reported to the reader, at
// its place; `error_mode` is that of groups without one.
std::vector<StatementGroup> read_statement_groups(ConfigReader& reader, const char* key,
                                                  ottl::ErrorMode error_mode);

}  // namespace kernspan
