#include "agent/process/proc_reader.h"

#include <gtest/gtest.h>

#include "tests/unit/agent/process/elf_file.h"
#include "tests/unit/agent/process/fake_proc.h"

namespace kernspan::process {
namespace {

constexpr std::uint32_t kTgid = 4711;

class ProcReaderTest : public ::testing::Test {
 protected:
  ProcSnapshot read() {
    auto snapshot = reader_.read(kTgid);
    EXPECT_TRUE(snapshot);
    return snapshot ? *std::move(snapshot) : ProcSnapshot{};
  }
  static std::uint32_t failures(const ProcSnapshot& snapshot, ReadFailure reason) {
    return snapshot.failures[static_cast<std::size_t>(reason)];
  }

  FakeProc proc_;
  ProcReader reader_{proc_.root()};
};

TEST_F(ProcReaderTest, ReadsAWholeProcess) {
  proc_.start(
      {.tgid = kTgid,
       .parent_tgid = 42,
       .start_ticks = 98765,
       .comm = "a) S (b",
       .executable = "frontend",
       .executable_contents = elf_file({{".go.buildinfo", go_build_info_section("go1.22.1")}}),
       .args = {"frontend", "--port", "80"},
       .environment = {"PATH=/bin", "OTEL_SERVICE_NAME=cart", "SECRET=1",
                       "OTEL_RESOURCE_ATTRIBUTES=a=b", "FLASK_APP=shop"},
       .cwd = "/srv",
       .uid = 33});
  const ProcSnapshot snapshot = read();
  EXPECT_TRUE(snapshot.complete());
  EXPECT_EQ(snapshot.parent_tgid, 42U);
  EXPECT_EQ(snapshot.start_ticks, 98765U);
  EXPECT_EQ(snapshot.effective_uid, 33U);
  EXPECT_EQ(snapshot.facts.comm, "a) S (b");
  EXPECT_EQ(snapshot.facts.executable_path, proc_.executable("frontend"));
  EXPECT_EQ(snapshot.facts.args, (std::vector<std::string>{"frontend", "--port", "80"}));
  EXPECT_EQ(snapshot.facts.cwd, "/srv");
  EXPECT_EQ(snapshot.facts.otel_service_name, "cart");
  EXPECT_EQ(snapshot.facts.otel_resource_attributes, "a=b");
  EXPECT_EQ(snapshot.facts.flask_app, "shop");
  EXPECT_EQ(snapshot.runtime.runtime, Runtime::kGo);
  EXPECT_EQ(reader_.start_ticks(kTgid), 98765U);
}

TEST_F(ProcReaderTest, TakesTheFirstOfTwoVariables) {
  proc_.start(
      {.tgid = kTgid,
       .executable = "x",
       .environment = {"OTEL_SERVICE_NAME=a", "OTEL_SERVICE_NAME=b", "XOTEL_SERVICE_NAME=c"}});
  EXPECT_EQ(read().facts.otel_service_name, "a");
}

TEST_F(ProcReaderTest, BoundsTheEnvironment) {
  const std::string padding(60'000, 'x');
  proc_.start({.tgid = kTgid,
               .executable = "x",
               .environment = {padding, "OTEL_SERVICE_NAME=near", padding, "FLASK_APP=far"}});
  const ProcSnapshot snapshot = read();
  EXPECT_TRUE(snapshot.environment_truncated);
  EXPECT_EQ(snapshot.facts.otel_service_name, "near");
  EXPECT_EQ(snapshot.facts.flask_app, "");
}

TEST_F(ProcReaderTest, LeavesOutAVariableThatIsCut) {
  const std::string variable = "OTEL_SERVICE_NAME=checkout";
  proc_.start({.tgid = kTgid,
               .executable = "x",
               .environment = {std::string(65'536 - 1 - 20, 'x'), variable}});
  const ProcSnapshot snapshot = read();
  EXPECT_TRUE(snapshot.environment_truncated);
  EXPECT_EQ(snapshot.facts.otel_service_name, "");
}

TEST_F(ProcReaderTest, StepsOverThePaddingOfTitles) {
  proc_.start({.tgid = kTgid, .executable = "x"});
  std::string padded(10'000, '\0');
  padded += "OTEL_SERVICE_NAME=cart";  // the last one may lack its NUL
  FakeProc::write(proc_.folder(kTgid) / "environ", padded);
  FakeProc::write(proc_.folder(kTgid) / "cmdline", "title" + std::string(10'000, '\0'));
  const ProcSnapshot snapshot = read();
  EXPECT_EQ(snapshot.facts.otel_service_name, "cart");
  EXPECT_EQ(snapshot.facts.args, (std::vector<std::string>{"title"}));
}

TEST_F(ProcReaderTest, BoundsTheCommandLine) {
  std::vector<std::string> args(300, std::string(1000, 'x'));
  proc_.start({.tgid = kTgid, .executable = "java", .args = args});
  ProcSnapshot snapshot = read();
  EXPECT_TRUE(snapshot.facts.args_truncated);
  EXPECT_LE(snapshot.facts.args.size(), 132U);
  args.assign(5000, "x");
  proc_.start({.tgid = kTgid, .executable = "java", .args = args});
  snapshot = read();
  EXPECT_TRUE(snapshot.facts.args_truncated);
  EXPECT_EQ(snapshot.facts.args.size(), 4096U);
}

TEST_F(ProcReaderTest, SaysWhyItFailed) {
  EXPECT_EQ(reader_.read(kTgid).error(), ReadFailure::kGone);
  EXPECT_EQ(reader_.start_ticks(kTgid).error(), ReadFailure::kGone);
  proc_.start({.tgid = kTgid});
  EXPECT_EQ(failures(read(), ReadFailure::kNoExecutable), 1U);
  for (const char* stat : {"", "4711", "4711 (x", "4711 (x) S 1 2", ")(",
                           "4711 (x) S x 0 0 0 0 0 0 "
                           "0 0 0 0 0 0 0 0 0 0 0 5 0",
                           "4711 (x) S 1 0 0 0 0 0 0 0 0 0 0 0 0 0 0 "
                           "0 0 0 99999999999999999999 0"}) {
    FakeProc::write(proc_.folder(kTgid) / "stat", stat);
    EXPECT_EQ(reader_.read(kTgid).error(), ReadFailure::kMalformed) << stat;
  }
}

TEST_F(ProcReaderTest, SaysWhatItCouldNotRead) {
  proc_.start({.tgid = kTgid, .executable = "x", .args = {"x"}});
  std::filesystem::remove(proc_.folder(kTgid) / "environ");
  FakeProc::write(proc_.folder(kTgid) / "status", "Name:\tx\n");
  const ProcSnapshot snapshot = read();
  EXPECT_FALSE(snapshot.complete());
  EXPECT_EQ(failures(snapshot, ReadFailure::kGone), 1U);
  EXPECT_EQ(failures(snapshot, ReadFailure::kMalformed), 1U);
  EXPECT_EQ(snapshot.facts.args, (std::vector<std::string>{"x"}));
  EXPECT_FALSE(snapshot.effective_uid);
}

}  // namespace
}  // namespace kernspan::process
