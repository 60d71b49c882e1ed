#include "agent/probes/capabilities.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "agent/probes/probe_report.h"

namespace kernspan::probes {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr std::uint64_t bits(std::initializer_list<unsigned> numbers) {
  std::uint64_t set = 0;
  for (const unsigned number : numbers) set |= std::uint64_t{1} << number;
  return set;
}
constexpr std::uint64_t kAll = bits({2, 19, 38, 39});

TEST(Capabilities, AreReadFromTheProcessStatus) {
  EXPECT_EQ(
      effective_capabilities("Name:\tx\nCapPrm:\t00000000ffffffff\nCapEff:\t000000c000080004\n"
                             "CapBnd:\t000001ffffffffff\n"),
      kAll);
  EXPECT_EQ(effective_capabilities("Name:\tx\n"), 0u);
  EXPECT_EQ(effective_capabilities("Name:\tx\nCapEff:\t"), 0u);
}

TEST(Capabilities, EachThatIsMissingIsNamedAlone) {
  std::set<std::string_view> names;
  for (const CapabilityNeed& need : capability_needs()) {
    const auto missing = missing_capabilities(kAll & ~bits({need.number}));
    EXPECT_THAT(missing, ElementsAre(&need));
    const Privileges privileges{.capabilities = kAll & ~bits({need.number})};
    EXPECT_THAT(missing_privileges(privileges, need.is_required),
                ElementsAre(HasSubstr(need.name)));
    EXPECT_THAT(missing_privileges(privileges, !need.is_required), IsEmpty());
    EXPECT_TRUE(names.insert(need.name).second);
  }
  EXPECT_THAT(missing_capabilities(kAll), IsEmpty());
}

TEST(Capabilities, SysAdminStandsForThoseThatWereSplitFromIt) {
  EXPECT_THAT(missing_capabilities(bits({1, 19, 21})), IsEmpty());
}

TEST(Capabilities, CountOnlyInTheFirstUserNamespace) {
  EXPECT_TRUE(is_initial_user_namespace("         0          0 4294967295\n"));
  EXPECT_FALSE(is_initial_user_namespace("         0     100000      65536\n"));
  EXPECT_FALSE(is_initial_user_namespace("         0          0      65536\n"));
  const Privileges mapped{.capabilities = kAll, .is_initial_user_namespace = false};
  EXPECT_THAT(missing_privileges(mapped, true), ElementsAre(HasSubstr("hostUsers")));
}

TEST(Capabilities, TheReportSaysWhichAreThere) {
  ProbeReport report;
  report.privileges.capabilities = kAll & ~bits({19});
  const std::string text = report.text();
  EXPECT_THAT(text, HasSubstr("CAP_BPF               there"));
  EXPECT_THAT(text, HasSubstr("CAP_SYS_PTRACE        missing"));
  EXPECT_THAT(text, HasSubstr("without it: the executables of other users' processes"));
  EXPECT_THAT(text, Not(HasSubstr("user namespace")));
}

}  // namespace
}  // namespace kernspan::probes
