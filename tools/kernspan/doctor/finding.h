#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pipeline/component/config_node.h"

namespace kernspan::doctor {

enum class Severity {
  kInfo,     // worth knowing
  kWarning,  // starts, and will lose, leak or outgrow something
  kError,    // does not start
};

std::string_view name_of(Severity severity);
std::optional<Severity> severity_named(std::string_view name);

struct Finding {
  std::string id;  // "batch_exceeds_message_limit"
  int point = 0;   // its number in the diagnosis catalogue; 0: not from there
  Severity severity = Severity::kWarning;
  std::string where;   // "file:line:column"; empty: the whole
  std::string reason;  // what happens
  std::string fix;     // what to write or do
};

// Takes the findings of one rule.
class Reporter {
 public:
  Reporter(std::string_view id, int point, Severity severity, std::vector<Finding>& findings)
      : id_(id), point_(point), severity_(severity), findings_(findings) {}

  void add(const ConfigPosition& position, std::string reason, std::string fix);
  // With another severity than the rule's usual one.
  void add(Severity severity, const ConfigPosition& position, std::string reason, std::string fix);

 private:
  const std::string_view id_;
  const int point_;
  const Severity severity_;
  std::vector<Finding>& findings_;
};

}  // namespace kernspan::doctor
