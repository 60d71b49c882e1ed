#include "agent/kube/owner_rules.h"

#include <gtest/gtest.h>

namespace kernspan::kube {
namespace {

Owner replica_set(const char* name) {
  return {.kind = "ReplicaSet", .name = name, .uid = "u"};
}
Owner job(const char* name) {
  return {.kind = "Job", .name = name, .uid = "u"};
}

TEST(OwnerRules, ADeploymentsReplicaSetEndsWithThePodsHash) {
  const Owner deployment{.kind = "Deployment", .name = "web", .uid = ""};
  EXPECT_EQ(top_owner(replica_set("web-5d9c7b8f6c"), "5d9c7b8f6c", {}), deployment);
  EXPECT_EQ(top_owner(replica_set("a-b-c-1"), "1", {}).name, "a-b-c");
}

TEST(OwnerRules, OtherReplicaSetsAreNobodys) {
  for (const auto& [name, hash] : {std::pair{"web-5d9c7b8f6c", ""},
                                   {"web-5d9c7b8f6c", "other"},
                                   {"web5d9c7b8f6c", "5d9c7b8f6c"},
                                   {"-5d9c7b8f6c", "5d9c7b8f6c"},
                                   {"5d9c7b8f6c", "5d9c7b8f6c"},
                                   {"", ""},
                                   {"", "x"}}) {
    EXPECT_EQ(top_owner(replica_set(name), hash, {}), replica_set(name)) << name << " " << hash;
  }
}

TEST(OwnerRules, ACronJobsJobEndsWithItsTime) {
  const auto created = unix_seconds("2022-09-01T12:00:05Z");
  ASSERT_TRUE(created);
  EXPECT_EQ(*created, 1662033605);
  const Owner cron{.kind = "CronJob", .name = "clean-up", .uid = ""};
  EXPECT_EQ(top_owner(job("clean-up-27700560"), "", created), cron);
  EXPECT_EQ(top_owner(job("clean-up-1662033600"), "", created), cron);
  EXPECT_EQ(top_owner(job("clean-up-27700560"), "", {}), cron) << "a pod without a time";
}

TEST(OwnerRules, OtherJobsAreNobodys) {
  const auto created = unix_seconds("2022-09-01T12:00:05Z");
  for (const char* name :
       {"report-20240101", "report-20220901", "clean-27800680", "clean-2770056", "clean-277005600",
        "-27700560", "27700560", "clean-2770056x", "clean", "clean-", "", "clean--7700560"}) {
    EXPECT_EQ(top_owner(job(name), "", created), job(name)) << name;
  }
}

TEST(OwnerRules, OtherKindsAreTheirOwn) {
  const Owner set{.kind = "StatefulSet", .name = "db-27700560", .uid = "u"};
  EXPECT_EQ(top_owner(set, "27700560", {}), set);
  EXPECT_EQ(top_owner({}, "x", {}), Owner());
}

TEST(OwnerRules, Times) {
  EXPECT_EQ(unix_seconds("1970-01-01T00:00:00Z"), 0);
  EXPECT_EQ(unix_seconds("2022-09-01T12:00:05.123456Z"), 1662033605);
  for (const char* text :
       {"", "null", "2022-09-01", "2022-09-01T12:00:05", "x2022-09-01T12:00:05Z"}) {
    EXPECT_FALSE(unix_seconds(text)) << text;
  }
}

}  // namespace
}  // namespace kernspan::kube
