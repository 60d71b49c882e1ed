#include "agent/select/process_selector.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

class ProcessSelectorTest : public testing::Test {
 protected:
  ProcessSelectorTest() {
    process_.revision = 1;
    process_.executable_name = "python3";
  }

  // Rules that ignore the namespace "quiet".
  static std::shared_ptr<const Selectors> rules() {
    SelectorRule rule;
    rule.match.namespaces = {"quiet"};
    rule.action = SelectorAction::kIgnore;
    return std::make_shared<const Selectors>(SpanOptions(), std::vector{rule});
  }
  void know_pod(std::string name) {
    auto pod = std::make_shared<kube::Pod>();
    pod->namespace_name = std::move(name);
    found_ = {.pod = std::move(pod)};
  }

  process::ProcessInfo process_;
  ProcessPod found_;
  int asked_ = 0;
  ProcessSelector selector_{rules(), [this](const process::ProcessInfo&) {
                              ++asked_;
                              return found_;
                            }};
};

TEST_F(ProcessSelectorTest, WhatIsDecidedIsKeptUntilPodsChange) {
  know_pod("quiet");
  EXPECT_FALSE(selector_.captures(process_));
  EXPECT_FALSE(selector_.judge(process_, 80).is_traced);
  EXPECT_EQ(asked_, 1);
  know_pod("loud");
  EXPECT_FALSE(selector_.captures(process_));
  selector_.forget();
  EXPECT_TRUE(selector_.captures(process_));
  EXPECT_TRUE(selector_.judge(process_, 80).is_traced);
  EXPECT_EQ(asked_, 2);
}

TEST_F(ProcessSelectorTest, APendingPodIsAskedForAgainAndCapturedMeanwhile) {
  found_.is_pending = true;
  EXPECT_TRUE(selector_.captures(process_));
  know_pod("quiet");
  EXPECT_FALSE(selector_.judge(process_, 80).is_traced);
  EXPECT_EQ(asked_, 2);
}

TEST_F(ProcessSelectorTest, NewRulesCountAtOnce) {
  know_pod("quiet");
  EXPECT_FALSE(selector_.captures(process_));
  selector_.change(std::make_shared<const Selectors>(SpanOptions(), std::vector<SelectorRule>()));
  EXPECT_TRUE(selector_.captures(process_));
}

TEST_F(ProcessSelectorTest, ItsMemoryIsBounded) {
  know_pod("loud");
  for (std::uint64_t i = 0; i < 3 * ProcessSelector::kSelectionsMax; ++i) {
    process_.revision = i;
    EXPECT_TRUE(selector_.captures(process_));
  }
  EXPECT_EQ(asked_, static_cast<int>(3 * ProcessSelector::kSelectionsMax));
}

}  // namespace
}  // namespace kernspan
