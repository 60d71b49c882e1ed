#include "agent/probes/probe_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

#include "agent/probes/attach_table.h"
#include "agent/probes/event_source.h"

namespace kernspan::probes {
namespace {

using testing::HasSubstr;

TEST(ProbeReport, SaysWhatWasChosenAndWhyTheRestWasNot) {
  ProbeReport report;
  report.kernel = "6.1.0 x86_64";
  report.lockdown = "none";
  report.groups.push_back(
      {.name = "transfer",
       .purpose = "heads",
       .is_required = true,
       .variants = {
           {.name = "tracepoint",
            .needs = "kernel 6.3",
            .is_chosen = false,
            .was_tried = true,
            .error = "no such tracepoint"},
           {.name = "fexit", .needs = "fexit", .is_chosen = true, .was_tried = true, .error = {}},
           {.name = "other", .needs = "x", .is_chosen = false, .was_tried = true, .error = {}},
           {.name = "last", .needs = "y", .is_chosen = false, .was_tried = false, .error = {}}}});
  report.groups.push_back(
      {.name = "process", .purpose = "starts", .is_required = false, .variants = {}});
  const std::string text = report.text();
  EXPECT_THAT(text, HasSubstr("kernel    6.1.0 x86_64\nlockdown  none\n"));
  EXPECT_THAT(text, HasSubstr("chosen    fexit\n"));
  EXPECT_THAT(text, HasSubstr("tracepoint      refused           needs kernel 6.3\n"));
  EXPECT_THAT(text, HasSubstr("no such tracepoint\n"));
  EXPECT_THAT(text, HasSubstr("other           works, not needed needs x\n"));
  EXPECT_THAT(text, HasSubstr("last            not needed        needs y\n"));
  EXPECT_THAT(text, HasSubstr("chosen    nothing: the agent runs without\n"));
}

TEST(AttachTable, NamesFitTheKernelAndAreUnique) {
  for (const Group& group : kAttachTable) {
    std::set<std::string_view> names;
    EXPECT_FALSE(group.variants.empty());
    for (const Variant& variant : group.variants) {
      EXPECT_TRUE(names.insert(variant.name).second) << variant.name;
      EXPECT_FALSE(variant.programs.empty());
      for (const char* program : variant.programs) EXPECT_LE(std::strlen(program), 15u) << program;
    }
  }
}

TEST(Counters, HaveDifferentNames) {
  std::set<std::string_view> names;
  for (int i = 0; i < KS_COUNTER_COUNT; ++i) {
    EXPECT_TRUE(names.insert(counter_name(static_cast<ks_counter>(i))).second);
  }
}

}  // namespace
}  // namespace kernspan::probes
