#include "agent/kube/cgroup_containers.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <string_view>

namespace kernspan::kube {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::string_view kPodUid = "6a4ce4a0-ba47-11ea-b2a7-0cc47ac5979e";

std::string id_of(char digit) {
  return std::string(64, digit);
}

// A node's cgroup file systems in a temporary directory: memory on v1 hierarchy 4, and v2.
class CgroupContainersTest : public ::testing::Test {
 protected:
  CgroupContainersTest() {
    std::string pattern = (fs::temp_directory_path() / "cgroups-XXXXXX").string();
    EXPECT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
    mount("1", "- cgroup2 cgroup2 rw", "/sys/fs/cgroup/unified", "/");
    mount("1", "- cgroup cgroup rw,memory", "/sys/fs/cgroup/memory", "/");
    mount("1", "- cgroup cgroup rw,xattr,name=systemd", "/sys/fs/cgroup/systemd", "/");
    write(root_ / "cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\t9\t1\n");
  }
  ~CgroupContainersTest() override { fs::remove_all(root_); }

  void mount(std::string_view process, std::string_view kind, const std::string& at,
             std::string_view root) {
    const fs::path base = root_ / process;
    fs::create_directories(base.string() + "/root" + at);
    std::ofstream(base / "mountinfo", std::ios::app)
        << "36 35 0:31 " << root << " " << at << " rw,nosuid shared:9 " << kind << "\n";
  }
  static void write(const fs::path& path, std::string_view text) { std::ofstream(path) << text; }

  // A cgroup's number: its directory's inode.
  static std::uint64_t inode(const fs::path& path) {
    struct stat status{};
    EXPECT_EQ(stat(path.c_str(), &status), 0) << path;
    return status.st_ino;
  }
  fs::path memory(std::string_view path = "") const {
    return root_ / ("1/root/sys/fs/cgroup/memory" + std::string(path));
  }
  CgroupId make(std::string_view path) {
    fs::create_directories(memory(path));
    return {.hierarchy = 4, .id = inode(memory(path))};
  }

  CgroupContainers& containers() {
    if (!containers_) {
      settings_.proc_root = root_.string();
      containers_ = std::make_unique<CgroupContainers>(settings_, [this] { return now_; });
    }
    return *containers_;
  }
  std::string container(CgroupId cgroup) {
    const ContainerRef* ref = containers().find(cgroup);
    return ref == nullptr ? "unknown" : ref->container_id;
  }

  fs::path root_;
  CgroupContainers::Settings settings_;
  std::uint64_t now_ = 100 * kSecond;
  std::unique_ptr<CgroupContainers> containers_;
};

std::string pod_path(char digit) {
  return "/kubepods/burstable/pod" + std::string(kPodUid) + "/" + id_of(digit);
}

TEST_F(CgroupContainersTest, FindsThoseThatAreOlderThanItself) {
  const CgroupId pod = make(pod_path('a'));
  const CgroupId below = make(pod_path('a') + "/init.scope");
  const CgroupId service = make("/system.slice/sshd.service");
  EXPECT_EQ(container(pod), id_of('a'));
  EXPECT_EQ(containers().find(pod)->pod_uid, kPodUid);
  EXPECT_EQ(container(below), id_of('a'));
  EXPECT_EQ(container(service), "");
  EXPECT_EQ(container({.hierarchy = 4, .id = inode(memory())}), "") << "the root itself";
  EXPECT_EQ(containers().counters().walks, 1u) << "one for all of them";
}

TEST_F(CgroupContainersTest, TheSameNumberMeansAnotherCgroupInAnotherHierarchy) {
  const CgroupId pod = make(pod_path('a'));
  containers().learn({.hierarchy = 0, .id = pod.id}, "/system.slice");
  EXPECT_EQ(container(pod), id_of('a'));
  EXPECT_EQ(container({.hierarchy = 0, .id = pod.id}), "");
  EXPECT_EQ(container({.hierarchy = 9, .id = pod.id}), "unknown");
}

TEST_F(CgroupContainersTest, WhatTheKernelSaidNeedsNoWalk) {
  containers().learn({.hierarchy = 4, .id = 77}, pod_path('b'));
  EXPECT_EQ(container({.hierarchy = 4, .id = 77}), id_of('b'));
  EXPECT_EQ(containers().counters().walks, 0u);
  EXPECT_EQ(containers().counters().learnt, 1u);
}

TEST_F(CgroupContainersTest, WalksForTheUnknownButNotAllTheTime) {
  const CgroupId first = make(pod_path('a'));
  EXPECT_EQ(container(first), id_of('a'));
  const CgroupId second = make(pod_path('b'));
  EXPECT_EQ(container(second), "unknown") << "just walked";
  now_ += kSecond;
  EXPECT_EQ(container(second), id_of('b'));
  EXPECT_EQ(containers().counters().walks, 2u);
  EXPECT_EQ(containers().counters().unknown, 1u);
}

TEST_F(CgroupContainersTest, NoNumberIsNoQuestion) {
  EXPECT_EQ(containers().find({.hierarchy = 4, .id = 0}), nullptr);
  containers().learn({.hierarchy = 4, .id = 0}, pod_path('a'));
  EXPECT_EQ(containers().size(), 0u);
  EXPECT_EQ(containers().counters().walks, 0u);
}

TEST_F(CgroupContainersTest, AFullTableStartsAnewFromWhatIsThere) {
  settings_.max_cgroups = 64;
  const CgroupId living = make(pod_path('a'));
  EXPECT_EQ(container(living), id_of('a'));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    containers().learn({.hierarchy = 7, .id = i + 1}, pod_path('b'));
    EXPECT_LE(containers().size(), 64u);
  }
  EXPECT_GE(containers().counters().forgotten, 900u);
  EXPECT_EQ(container(living), id_of('a'));
}

TEST_F(CgroupContainersTest, ContainersAreBoundedToo) {
  settings_.max_containers = 64;
  const CgroupId living = make(pod_path('a'));
  EXPECT_EQ(container(living), id_of('a'));
  for (std::uint64_t i = 0; i < 1000; ++i) {
    std::string path = pod_path('b');
    const std::string number = std::to_string(i);
    path.replace(path.size() - number.size(), number.size(), number);
    containers().learn({.hierarchy = 7, .id = i + 1}, path);
    EXPECT_LE(containers().size(), 64u + 8) << "and those that are of none";
  }
  EXPECT_GE(containers().counters().forgotten, 900u);
  EXPECT_EQ(container(living), id_of('a'));
}

TEST_F(CgroupContainersTest, AWalkStopsAtTheLimit) {
  settings_.max_cgroups = 64;
  for (int i = 0; i < 100; ++i) make("/x" + std::to_string(i));
  EXPECT_EQ(container({.hierarchy = 4, .id = 1}), "unknown");
  EXPECT_EQ(containers().size(), 64u);
  EXPECT_GT(containers().counters().walks_cut, 0u);
}

TEST_F(CgroupContainersTest, DeepTreesEnd) {
  std::string path;
  for (int i = 0; i < 100; ++i) path += "/d";
  make(path);
  EXPECT_EQ(container({.hierarchy = 4, .id = 1}), "unknown");
  EXPECT_GT(containers().counters().walks_cut, 0u);
}

TEST_F(CgroupContainersTest, OwnMountsWhereTheFirstProcessMayNotBeLookedAt) {
  fs::rename(root_ / "1", root_ / "self");
  fs::create_directories(root_ / "self/root/sys/fs/cgroup/memory" / pod_path('a').substr(1));
  const CgroupId pod{
      .hierarchy = 4,
      .id = inode(root_ / "self/root/sys/fs/cgroup/memory" / pod_path('a').substr(1))};
  EXPECT_EQ(container(pod), id_of('a'));
}

TEST_F(CgroupContainersTest, WithoutAnyFileSystemNothingIsFound) {
  fs::remove_all(root_ / "1");
  EXPECT_EQ(container({.hierarchy = 4, .id = 1}), "unknown");
  EXPECT_EQ(containers().counters().walks_blind, 1u);
}

TEST_F(CgroupContainersTest, MalformedMountsAreLeftOut) {
  std::ofstream(root_ / "1/mountinfo", std::ios::app)
      << " - cgroup\n36 35 - cgroup2\n - cgroup cgroup rw,memory\n"
      << std::string(100'000, 'x') << " - cgroup2 x y\n";
  write(root_ / "cgroups", "memory\nmemory\tfour\t1\t1\nmemory\t4x\t1\t1\nmemory\t4\t9\t1\n");
  const CgroupId pod = make(pod_path('a'));
  EXPECT_EQ(container(pod), id_of('a'));
}

}  // namespace
}  // namespace kernspan::kube
