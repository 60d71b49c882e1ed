#include "agent/causality/goroutine_handlers.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

class GoroutineHandlersTest : public testing::Test {
 protected:
  static Caller goroutine(std::uint64_t number, std::uint64_t parent = 0, std::uint32_t tgid = 1) {
    return {.key = {.tgid = tgid, .id = 0xc000},
            .is_goroutine = true,
            .goroutine_id = number,
            .parent_goroutine_id = parent};
  }
  ExchangePtr served_by(std::uint64_t number) {
    ExchangePtr request = pool_.acquire();
    request->tgid = 1;
    handlers_.serves(goroutine(number), *request);
    return request;
  }
  Exchange* request_of(const Caller& caller) const {
    return handlers_.request_of(caller).value_or(ExchangePtr()).get();
  }
  bool knows(const Caller& caller) const { return handlers_.request_of(caller).has_value(); }

  ExchangePool pool_{64};
  GoroutineHandlers handlers_{4};
};

TEST_F(GoroutineHandlersTest, GoroutinesAndTheirChildrenWorkForTheirRequest) {
  const ExchangePtr request = served_by(7);
  const ExchangePtr other = served_by(8);
  EXPECT_EQ(request_of(goroutine(7)), request.get());
  EXPECT_EQ(request_of(goroutine(8)), other.get());
  EXPECT_EQ(request_of(goroutine(20, 7)), request.get());
  EXPECT_FALSE(knows(goroutine(20, 9)));
  EXPECT_FALSE(knows(goroutine(20)));
  EXPECT_FALSE(knows(goroutine(7, 0, 2))) << "another process";
}

TEST_F(GoroutineHandlersTest, WhatIsOverIsWorkedForNoMore) {
  const ExchangePtr request = served_by(7);
  handlers_.request_ended(*request);
  EXPECT_TRUE(knows(goroutine(7)));
  EXPECT_EQ(request_of(goroutine(7)), nullptr);
  EXPECT_TRUE(knows(goroutine(20, 7)));
  EXPECT_EQ(request_of(goroutine(20, 7)), nullptr);
}

// A worker that serves one request after the other: what it has started may be for an earlier one.
TEST_F(GoroutineHandlersTest, ChildrenOfWorkersAreNotLinked) {
  const ExchangePtr first = served_by(7);
  handlers_.serves(goroutine(7), *first);  // said twice
  EXPECT_EQ(request_of(goroutine(20, 7)), first.get());
  const ExchangePtr second = served_by(7);
  EXPECT_EQ(request_of(goroutine(7)), second.get());
  EXPECT_FALSE(knows(goroutine(20, 7)));
  handlers_.request_ended(*first);
  EXPECT_EQ(request_of(goroutine(7)), second.get());
}

TEST_F(GoroutineHandlersTest, IsBounded) {
  for (std::uint64_t number = 1; number <= 10; ++number) served_by(number);
  EXPECT_EQ(handlers_.size(), 4u);
  EXPECT_FALSE(knows(goroutine(6)));
  EXPECT_TRUE(knows(goroutine(7)));
}

}  // namespace
}  // namespace kernspan
