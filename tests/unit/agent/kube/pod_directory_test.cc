#include "agent/kube/pod_directory.h"

#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>

namespace kernspan::kube {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

class PodDirectoryTest : public testing::Test {
 protected:
  PodDirectoryTest() { remake({}); }

  void remake(PodDirectory::Settings settings) {
    directory_ = std::make_unique<PodDirectory>(settings, [this] { return now_ns_.load(); });
  }
  static Pod pod(const std::string& uid, std::vector<ContainerRun> runs = {},
                 const std::string& ip = "") {
    Pod made{.uid = uid, .name = "pod-" + uid, .namespace_name = "shop"};
    if (!ip.empty()) made.ips = {ip};
    made.containers.push_back({.name = "main", .runs = std::move(runs)});
    return made;
  }
  void apply(std::vector<Pod> pods) {
    std::vector<PodPtr> list;
    for (Pod& one : pods) list.push_back(std::make_shared<const Pod>(std::move(one)));
    directory_->apply(std::move(list));
  }
  void pass(std::uint64_t seconds) {
    now_ns_ += seconds * kSecond;
    directory_->sweep();
  }

  std::atomic<std::uint64_t> now_ns_ = 100 * kSecond;
  std::unique_ptr<PodDirectory> directory_;
};

TEST_F(PodDirectoryTest, FindsByContainerUidAndIp) {
  EXPECT_FALSE(directory_->is_synced());
  apply({pod("1", {{"a", 3}}, "10.0.0.1")});
  EXPECT_TRUE(directory_->is_synced());
  const PodMatch match = directory_->find("a", "other");
  ASSERT_TRUE(match);
  EXPECT_EQ(match.pod->name, "pod-1");
  EXPECT_EQ(match.container_info()->name, "main");
  EXPECT_EQ(match.restart_count, 3u);
  EXPECT_EQ(directory_->find_ip("10.0.0.1"), match.pod);
  EXPECT_EQ(directory_->find_pod("1").pod, match.pod);
  EXPECT_FALSE(directory_->find_pod("1").container);
  EXPECT_EQ(directory_->find("sandbox", "1").pod, match.pod);
  EXPECT_FALSE(directory_->find("b", "2"));
  EXPECT_FALSE(directory_->find("", ""));
  EXPECT_EQ(directory_->find_ip(""), nullptr);
}

TEST_F(PodDirectoryTest, AStaticPodIsFoundByItsHash) {
  Pod mirror = pod("uid-of-the-api", {{"a", 0}});
  mirror.config_hash = "hash";
  apply({mirror});
  EXPECT_EQ(directory_->find_pod("hash").pod->uid, "uid-of-the-api");
  apply({});
  pass(121);
  EXPECT_FALSE(directory_->find_pod("hash"));
}

TEST_F(PodDirectoryTest, DeletedPodsStayForTheRetention) {
  apply({pod("1", {{"a", 0}}, "10.0.0.1")});
  apply({});
  EXPECT_EQ(directory_->counters().deleted, 1u);
  pass(119);
  EXPECT_TRUE(directory_->find_container("a"));
  pass(2);
  EXPECT_FALSE(directory_->find_container("a"));
  EXPECT_EQ(directory_->find_ip("10.0.0.1"), nullptr);
  EXPECT_EQ(directory_->size(), 0u);
  EXPECT_EQ(directory_->container_ids(), 0u);
  EXPECT_EQ(directory_->counters().forgotten, 1u);
}

TEST_F(PodDirectoryTest, APodThatComesBackIsThereAgain) {
  apply({pod("1", {{"a", 0}})});
  apply({});
  pass(60);
  apply({pod("1", {{"a", 0}})});
  pass(600);
  EXPECT_TRUE(directory_->find_container("a"));
}

TEST_F(PodDirectoryTest, RestartsLeaveTheOldIdsForTheRetention) {
  apply({pod("1", {{"a", 0}})});
  apply({pod("1", {{"b", 1}, {"a", 0}})});
  apply({pod("1", {{"c", 2}, {"b", 1}})});
  EXPECT_EQ(directory_->find_container("a").restart_count, 0u);
  EXPECT_EQ(directory_->find_container("b").restart_count, 1u);
  EXPECT_EQ(directory_->find_container("c").restart_count, 2u);
  EXPECT_EQ(directory_->find_container("a").pod, directory_->find_container("c").pod);
  pass(121);
  EXPECT_FALSE(directory_->find_container("a"));
  EXPECT_TRUE(directory_->find_container("b"));
  apply({});
  pass(121);
  EXPECT_EQ(directory_->container_ids(), 0u);
}

TEST_F(PodDirectoryTest, TheNodesIpIsNoPods) {
  Pod host = pod("1", {}, "192.0.2.1");
  host.host_network = true;
  apply({host, pod("2", {}, "10.0.0.2")});
  EXPECT_EQ(directory_->find_ip("192.0.2.1"), nullptr);
  EXPECT_NE(directory_->find_ip("10.0.0.2"), nullptr);
}

TEST_F(PodDirectoryTest, AnIpIsThePodsThatRuns) {
  Pod done = pod("1", {}, "10.0.0.1");
  done.is_finished = true;
  apply({pod("2", {}, "10.0.0.1"), done});
  EXPECT_EQ(directory_->find_ip("10.0.0.1")->uid, "2");
  apply({done, pod("2", {}, "10.0.0.1")});
  EXPECT_EQ(directory_->find_ip("10.0.0.1")->uid, "2");
  apply({pod("3", {}, "10.0.0.1")});  // 2 is gone, its address is used again
  EXPECT_EQ(directory_->find_ip("10.0.0.1")->uid, "3");
  pass(121);
  EXPECT_EQ(directory_->find_ip("10.0.0.1")->uid, "3") << "forgetting the others takes nothing";
  apply({pod("3", {}, "10.0.0.9")});
  EXPECT_EQ(directory_->find_ip("10.0.0.1"), nullptr);
}

TEST_F(PodDirectoryTest, TheGenerationTellsOfChangesAlone) {
  apply({pod("1", {{"a", 0}})});
  const std::uint64_t before = directory_->generation();
  apply({pod("1", {{"a", 0}})});
  EXPECT_EQ(directory_->generation(), before);
  apply({pod("1", {{"a", 1}})});
  EXPECT_NE(directory_->generation(), before);
}

TEST_F(PodDirectoryTest, FullOfPodsItForgetsThoseThatAreGoneFirst) {
  remake({.pods_max = 2});
  apply({pod("1"), pod("2")});
  apply({pod("2"), pod("3")});  // 1 was listed when 3 came
  EXPECT_EQ(directory_->counters().left_out, 1u);
  apply({pod("2"), pod("3")});
  EXPECT_EQ(directory_->counters().evicted, 1u);
  EXPECT_FALSE(directory_->find_pod("1"));
  EXPECT_TRUE(directory_->find_pod("3"));
  EXPECT_EQ(directory_->size(), 2u);
}

TEST_F(PodDirectoryTest, ContainerIdsAreBounded) {
  remake({.container_ids_max = 2});
  apply({pod("1", {{"a", 0}, {"b", 1}, {"c", 2}})});
  EXPECT_EQ(directory_->container_ids(), 2u);
  EXPECT_EQ(directory_->counters().ids_left_out, 1u);
}

TEST_F(PodDirectoryTest, WantsAreTriedWithLongerAndLongerWaits) {
  remake({.want_first_wait_ns = kSecond, .want_tries = 3});
  int woken = 0;
  directory_->on_wanted([&] { ++woken; });
  EXPECT_FALSE(directory_->wanted_at());
  directory_->want("a");
  directory_->want("a");
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(directory_->wanted_at(), 100 * kSecond);
  directory_->tried(100 * kSecond);
  EXPECT_EQ(directory_->wanted_at(), 101 * kSecond);
  directory_->tried(101 * kSecond);
  EXPECT_EQ(directory_->wanted_at(), 103 * kSecond);
  directory_->tried(103 * kSecond);
  EXPECT_FALSE(directory_->wanted_at()) << "given up for now";
  directory_->want("a");
  EXPECT_FALSE(directory_->wanted_at());
  pass(300);
  directory_->want("a");
  EXPECT_TRUE(directory_->wanted_at()) << "and tried again later";
}

TEST_F(PodDirectoryTest, WhatIsFoundIsWantedNoMore) {
  directory_->want("a");
  directory_->want("uid");
  directory_->want("hash");
  Pod one = pod("uid", {{"a", 0}});
  one.config_hash = "hash";
  apply({one});
  EXPECT_FALSE(directory_->wanted_at());
  directory_->want("a");
  directory_->want("uid");
  directory_->want("hash");
  EXPECT_FALSE(directory_->wanted_at());
}

TEST_F(PodDirectoryTest, WantsAreBounded) {
  remake({.wanted_max = 1});
  directory_->want("a");
  directory_->want("b");
  EXPECT_EQ(directory_->counters().wanted, 1u);
  EXPECT_EQ(directory_->counters().wanted_limit, 1u);
}

TEST_F(PodDirectoryTest, ReadersNeverSeeHalfOfAPod) {
  std::atomic<bool> over = false;
  std::thread reader([&] {
    while (!over) {
      const PodMatch match = directory_->find("a", "1");
      if (match && match.container) {
        ASSERT_FALSE(match.container_info()->runs.empty());
        ASSERT_EQ(directory_->find_ip("10.0.0.1") != nullptr, true);
      }
      directory_->want("x");
    }
  });
  for (std::uint32_t i = 0; i < 2000; ++i) apply({pod("1", {{"a", i}}, "10.0.0.1"), pod("2")});
  over = true;
  reader.join();
}

}  // namespace
}  // namespace kernspan::kube
