#include "agent/golang/grpc_go_executables.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "agent/golang/grpc_go_watch.h"
#include "tests/unit/agent/golang/go_executable.h"

namespace kernspan::golang {
namespace {

namespace fs = std::filesystem;

// Counts what is attached now.
class FakeAttacher final : public ProbeAttacher {
 public:
  Result<std::unique_ptr<AttachedProbes>> attach(const std::string& path,
                                                 const GrpcGoProgram& program) override {
    if (fails) return permanent("the kernel says no");
    EXPECT_TRUE(fs::exists(path)) << path;
    EXPECT_EQ(program.client_points.size(), 2u);
    return std::make_unique<Probes>(attached);
  }

  bool fails = false;
  int attached = 0;

 private:
  class Probes final : public AttachedProbes {
   public:
    explicit Probes(int& count) : count_(count) { ++count_; }
    ~Probes() override { --count_; }

   private:
    int& count_;
  };
};

// A folder like /proc whose processes run these files.
class GrpcGoExecutablesTest : public testing::Test {
 protected:
  GrpcGoExecutablesTest() {
    std::string pattern = fs::temp_directory_path() / "kernspan-golang-XXXXXX";
    root_ = mkdtemp(pattern.data());
    settings_.proc_root = root_;
    settings_.probed_max = 2;
    settings_.remembered_max = 4;
  }
  ~GrpcGoExecutablesTest() override { fs::remove_all(root_); }

  void write(const std::string& name, const std::string& bytes) {
    std::ofstream(root_ / name, std::ios::binary) << bytes;
  }
  void run(std::uint32_t tgid, const std::string& name) {
    fs::create_directory(root_ / std::to_string(tgid));
    fs::remove(root_ / std::to_string(tgid) / "exe");
    fs::create_symlink(root_ / name, root_ / std::to_string(tgid) / "exe");
  }
  void end(std::uint32_t tgid) { fs::remove_all(root_ / std::to_string(tgid)); }

  GrpcGoExecutables make() {
    return {settings_, attacher_, [this](std::string_view line) { log_.emplace_back(line); }};
  }

  fs::path root_;
  GrpcGoExecutables::Settings settings_;
  FakeAttacher attacher_;
  std::vector<std::string> log_;
};

TEST_F(GrpcGoExecutablesTest, ProbesUntilTheLastProcessHasGone) {
  write("shop", GoExecutable{}.file());
  run(10, "shop");
  run(11, "shop");
  GrpcGoExecutables executables = make();
  for (const std::uint32_t tgid : {10u, 10u, 11u, 10u}) executables.process_seen(tgid);
  EXPECT_EQ(attacher_.attached, 1);
  EXPECT_EQ(executables.counters().attached, 1u);
  EXPECT_EQ(executables.probed(), 1u);
  executables.process_gone(10);
  executables.process_gone(10);
  EXPECT_EQ(attacher_.attached, 1);
  executables.process_gone(11);
  EXPECT_EQ(attacher_.attached, 0);
  EXPECT_EQ(executables.counters().attached, 1u);
  EXPECT_EQ(executables.counters().detached, 1u);
  executables.process_seen(10);
  EXPECT_EQ(attacher_.attached, 1);
}

TEST_F(GrpcGoExecutablesTest, EndsThatNobodyToldOfAreFound) {
  write("shop", GoExecutable{}.file());
  write("cart", GoExecutable{.go = "go1.22.1"}.file());
  run(10, "shop");
  run(11, "shop");
  GrpcGoExecutables executables = make();
  executables.process_seen(10);
  executables.process_seen(11);
  executables.recheck();
  EXPECT_EQ(attacher_.attached, 1);
  end(10);
  run(11, "cart");  // the number is used again
  executables.recheck();
  EXPECT_EQ(attacher_.attached, 0);
  executables.process_seen(10);
  EXPECT_EQ(executables.counters().process_gone, 1u);
}

TEST_F(GrpcGoExecutablesTest, RefusalsAreCountedOncePerExecutable) {
  write("old", GoExecutable{.go = "go1.17.1"}.file());
  GoExecutable plain;
  plain.functions.resize(1);
  write("plain", plain.file());
  run(10, "old");
  run(11, "old");
  run(12, "plain");
  GrpcGoExecutables executables = make();
  for (const std::uint32_t tgid : {10u, 11u, 12u}) executables.process_seen(tgid);
  EXPECT_EQ(executables.counters().refused[static_cast<int>(Refusal::kGoTooOld)], 1u);
  EXPECT_EQ(executables.counters().refused[static_cast<int>(Refusal::kWithoutGrpc)], 1u);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_NE(log_[0].find("go_version"), std::string::npos) << log_[0];
}

TEST_F(GrpcGoExecutablesTest, IsBounded) {
  GrpcGoExecutables executables = make();
  for (std::uint32_t tgid = 1; tgid <= 6; ++tgid) {
    write(std::to_string(tgid) + ".go", GoExecutable{}.file());
    run(tgid, std::to_string(tgid) + ".go");
    executables.process_seen(tgid);
  }
  EXPECT_EQ(attacher_.attached, 2);
  EXPECT_EQ(executables.counters().probed_limit, 2u);
  EXPECT_EQ(executables.counters().executable_limit, 2u);
  executables.process_gone(1);
  executables.process_gone(3);
  executables.process_seen(3);
  EXPECT_EQ(attacher_.attached, 2);
}

TEST_F(GrpcGoExecutablesTest, FailuresToAttachAreCounted) {
  write("shop", GoExecutable{}.file());
  run(10, "shop");
  attacher_.fails = true;
  GrpcGoExecutables executables = make();
  executables.process_seen(10);
  EXPECT_EQ(executables.counters().attach_failed, 1u);
  EXPECT_EQ(executables.probed(), 0u);
  ASSERT_EQ(log_.size(), 1u);
  EXPECT_NE(log_[0].find("the kernel says no"), std::string::npos) << log_[0];
}

// Only those with an established connection: 0A is a socket that listens.
TEST_F(GrpcGoExecutablesTest, LooksAroundForOldConnections) {
  write("shop", GoExecutable{}.file());
  write(
      "tcp",
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n"
      "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 "
      "5001 1 0 100 0 0 10 0\n"
      "   1: 0100007F:1F90 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 "
      "5002 1 0 20 4 30 10 -1\n");
  for (const auto& [tgid, inode] : {std::pair{10u, 5001}, {11u, 5002}}) {
    const fs::path process = root_ / std::to_string(tgid);
    run(tgid, "shop");
    fs::create_directories(process / "fd");
    fs::create_directories(process / "net");
    fs::create_directories(process / "ns");
    fs::create_symlink("net:[1]", process / "ns" / "net");
    fs::create_symlink(root_ / "tcp", process / "net" / "tcp");
    fs::create_symlink("socket:[" + std::to_string(inode) + "]", process / "fd" / "3");
  }
  settings_.is_traced = [](std::string_view name) { return name != "shop"; };
  GrpcGoExecutables blind = make();
  blind.look_around();
  EXPECT_EQ(attacher_.attached, 0);
  settings_.is_traced = [](std::string_view name) { return name == "shop"; };
  GrpcGoExecutables executables = make();
  executables.look_around();
  EXPECT_EQ(attacher_.attached, 1);
  executables.process_gone(10);
  EXPECT_EQ(attacher_.attached, 1);
  executables.process_gone(11);
  EXPECT_EQ(attacher_.attached, 0);
}

TEST_F(GrpcGoExecutablesTest, TheWatchTakesItsProbesOut) {
  write("shop", GoExecutable{}.file());
  run(10, "shop");
  GrpcGoWatch watch({.executables = settings_}, attacher_, [](std::string_view) {});
  watch.process_seen(10);
  while (watch.probed() == 0) std::this_thread::yield();
  EXPECT_EQ(watch.counters().attached, 1u);
  watch.stop();
  EXPECT_EQ(attacher_.attached, 0);
}

}  // namespace
}  // namespace kernspan::golang
