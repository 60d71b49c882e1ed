#include "agent/process/host_info.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <array>

#include "tests/unit/agent/process/fake_proc.h"

namespace kernspan::process {
namespace {

class HostInfoTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, std::string_view contents) {
    const std::string path = files_.root() + "/" + name;
    FakeProc::write(path, contents);
    return path;
  }
  FakeProc files_;
};

TEST_F(HostInfoTest, ReadsTheNodesFiles) {
  const HostInfo host = read_host_info(
      {.machine_id = file("machine-id", "0123456789abcdef0123456789abcdef\n"),
       .os_release = file("os-release", "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nID=y\n"),
       .boot_id = file("boot_id", "6a7b3f2e-0000-4000-8000-000000000001\n"),
       .name = "node-7"});
  EXPECT_EQ(host.name, "node-7");
  EXPECT_EQ(host.id, "0123456789abcdef0123456789abcdef");
  EXPECT_EQ(host.boot_id, "6a7b3f2e-0000-4000-8000-000000000001");
  EXPECT_EQ(host.os_description, "Debian GNU/Linux 12");
}

TEST_F(HostInfoTest, LeavesEmptyWhatIsNotThere) {
  const HostInfo host = read_host_info({.machine_id = file("machine-id", "uninitialized\n"),
                                        .os_release = files_.root() + "/none",
                                        .boot_id = files_.root() + "/none"});
  EXPECT_EQ(host.id, "");
  EXPECT_EQ(host.boot_id, "");
  EXPECT_EQ(host.os_description, "");
}

TEST_F(HostInfoTest, AsksTheKernelForNameAndArchitecture) {
  const HostInfo host = read_host_info();
  std::array<char, 256> name{};
  ASSERT_EQ(gethostname(name.data(), name.size()), 0);
  EXPECT_EQ(host.name, name.data());
#if defined(__x86_64__)
  EXPECT_EQ(host.arch, "amd64");
#elif defined(__aarch64__)
  EXPECT_EQ(host.arch, "arm64");
#endif
}

}  // namespace
}  // namespace kernspan::process
