// The table on the real /proc: this process and its children.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "agent/process/process_table.h"
#include "agent/process/resource.h"

namespace kernspan::process {
namespace {

std::uint64_t monotonic_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec);
}

// A child that runs a program until it is ended; the program says by closing its end of a pipe
// (close-on-exec) that it has begun.
class Child {
 public:
  Child(std::vector<std::string> args, std::vector<std::string> environment) {
    int ready[2];
    EXPECT_EQ(pipe2(ready, O_CLOEXEC), 0);
    const auto pointers = [](std::vector<std::string>& texts) {
      std::vector<char*> result(texts.size() + 1);  // ends with a null pointer
      for (std::size_t i = 0; i < texts.size(); ++i) result[i] = texts[i].data();
      return result;
    };
    const std::vector<char*> argv = pointers(args);
    const std::vector<char*> envp = pointers(environment);
    pid_ = fork();
    if (pid_ == 0) {
      execve(argv[0], argv.data(), envp.data());
      _exit(127);
    }
    close(ready[1]);
    char byte = 0;
    EXPECT_EQ(read(ready[0], &byte, 1), 0);
    close(ready[0]);
  }
  ~Child() { end(); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void end() {
    if (pid_ <= 0) return;
    kill(pid_, SIGKILL);
    waitpid(pid_, nullptr, 0);
    pid_ = 0;
  }
  std::uint32_t tgid() const { return static_cast<std::uint32_t>(pid_); }

 private:
  pid_t pid_ = 0;
};

class ProcessTableLiveTest : public ::testing::Test {
 protected:
  HostInfo host_ = read_host_info();
  ProcessTable table_{{}, host_, monotonic_ns};
};

TEST_F(ProcessTableLiveTest, KnowsThisProcess) {
  const ProcessInfo& info = table_.find(static_cast<std::uint32_t>(getpid()));
  EXPECT_EQ(info.executable_path, std::filesystem::read_symlink("/proc/self/exe").string());
  EXPECT_EQ(info.executable_name, "process_test");
  EXPECT_EQ(info.parent_tgid, static_cast<std::uint32_t>(getppid()));
  EXPECT_EQ(info.runtime, Runtime::kNative);
  EXPECT_FALSE(info.degraded);
  ASSERT_TRUE(info.start_time_unix_ns);
  const auto now_s = static_cast<std::uint64_t>(time(nullptr));
  EXPECT_LE(*info.start_time_unix_ns / 1'000'000'000, now_s + 1);
  EXPECT_GE(*info.start_time_unix_ns / 1'000'000'000, now_s - 3600);
  EXPECT_GE(resource_attributes(info, host_, {}).size(), 8U);
}

TEST_F(ProcessTableLiveTest, KnowsAChildAndItsEnvironment) {
  Child child({"/bin/sleep", "1000"}, {"OTEL_SERVICE_NAME=napper", "SECRET=1"});
  const ProcessInfo& info = table_.find(child.tgid());
  EXPECT_EQ(info.service_name, "napper");
  EXPECT_EQ(info.parent_tgid, static_cast<std::uint32_t>(getpid()));
  EXPECT_FALSE(info.degraded);
}

TEST_F(ProcessTableLiveTest, AChildThatIsOverIsKnownByItsExec) {
  Child child({"/bin/sleep", "1000"}, {});
  ks_exec_event event{};
  event.header.ts_ns = monotonic_ns();
  event.tgid = child.tgid();
  constexpr std::string_view kArgs{
      "/bin/sleep\0"
      "1000",
      15};
  kArgs.copy(reinterpret_cast<char*>(event.args), kArgs.size());
  event.args_bytes = kArgs.size();
  const std::uint32_t tgid = child.tgid();
  child.end();
  table_.on_exec(event);
  EXPECT_EQ(table_.find(tgid).service_name, "sleep");
  EXPECT_TRUE(table_.find(tgid).degraded);
}

TEST_F(ProcessTableLiveTest, ReadsEveryProcessOfThisMachine) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    const auto tgid = static_cast<std::uint32_t>(std::stoul(name));
    EXPECT_FALSE(table_.find(tgid).service_name.empty());
    ++count;
  }
  EXPECT_GE(count, 1U);
  EXPECT_EQ(table_.size(), count);
}

}  // namespace
}  // namespace kernspan::process
