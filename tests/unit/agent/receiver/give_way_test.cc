#include "agent/receiver/give_way.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/resource.h>

#include <thread>

namespace kernspan {
namespace {

struct Scheduling {
  int policy;
  int nice;
};

// The scheduling of a thread that has called give_way() after `before`.
template <typename Before>
Scheduling after_giving_way(Before before) {
  Scheduling now{};
  std::thread([&] {
    before();
    const Status given = give_way();
    EXPECT_TRUE(given) << given.error().message;
    now = {.policy = sched_getscheduler(0), .nice = getpriority(PRIO_PROCESS, 0)};
  }).join();
  return now;
}

TEST(GiveWay, NeverPreemptsAndKeepsItsShare) {
  const Scheduling now = after_giving_way([] { setpriority(PRIO_PROCESS, 0, 7); });
  EXPECT_EQ(now.policy, SCHED_BATCH);
  EXPECT_EQ(now.nice, 7);
  EXPECT_EQ(sched_getscheduler(0), SCHED_OTHER);  // the other threads stay as they were
}

TEST(GiveWay, LeavesTheOperatorsChoiceAlone) {
  const Scheduling now = after_giving_way([] {
    const sched_param none{};
    ASSERT_EQ(sched_setscheduler(0, SCHED_IDLE, &none), 0);
  });
  EXPECT_EQ(now.policy, SCHED_IDLE);
}

}  // namespace
}  // namespace kernspan
