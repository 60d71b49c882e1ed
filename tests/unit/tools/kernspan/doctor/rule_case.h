#pragma once

#include <gmock/gmock.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/unit/pipeline/service/config_case.h"
#include "tools/kernspan/doctor/rules.h"

namespace kernspan::doctor {

// A test of the doctor's rules: a configuration, and what one rule finds in it.
class RuleCase : public ConfigCase {
 protected:
  std::vector<Finding> find(std::string_view rule, std::string_view yaml) {
    const ConfigNode root = parse(yaml);
    std::vector<Finding> findings = examine(Subject(root, circumstances_));
    for (const Finding& finding : findings) {
      EXPECT_FALSE(finding.reason.empty() || finding.fix.empty()) << finding.id;
      EXPECT_TRUE(finding.where.starts_with("a.yaml:")) << finding.where;
    }
    std::erase_if(findings, [&](const Finding& finding) { return finding.id != rule; });
    return findings;
  }

  // "where severity: reason" of its only finding; "" when there is none.
  std::string found(std::string_view rule, std::string_view yaml) {
    const std::vector<Finding> findings = find(rule, yaml);
    EXPECT_LE(findings.size(), 1u);
    if (findings.empty()) return "";
    return findings[0].where + ' ' + std::string(name_of(findings[0].severity)) + ": " +
           findings[0].reason;
  }

  // A pipeline of traces around these lists.
  static std::string pipeline(const std::string& processors, const std::string& exporters) {
    return "service: {pipelines: {traces: {receivers: [otlp], processors: [" + processors +
           "], exporters: [" + exporters + "]}}}\n";
  }

  Circumstances circumstances_;
};

}  // namespace kernspan::doctor
