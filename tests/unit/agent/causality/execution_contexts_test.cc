#include "agent/causality/execution_contexts.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

using Doubt = ExecutionContexts::Doubt;

class ExecutionContextsTest : public testing::Test {
 protected:
  Caller thread(std::uint64_t tid) {
    return {.key = {.tgid = 1, .id = tid}, .turn = sleeps_, .is_event_loop = is_loop_};
  }
  Caller goroutine(std::uint64_t g) {
    return {.key = {.tgid = 1, .id = g}, .turn = sleeps_, .is_goroutine = true};
  }
  void sleep() { ++sleeps_; }

  ExchangePtr request(std::uint64_t connection) {
    ExchangePtr exchange = pool_.acquire();
    exchange->tgid = 1;
    exchange->connection = connection;
    return exchange;
  }
  ExchangePtr read_whole(const Caller& caller, std::uint64_t connection) {
    ExchangePtr exchange = request(connection);
    exchange->request_complete = true;
    contexts_.request_read(caller, *exchange);
    return exchange;
  }
  void answer(const Caller& caller, const ExchangePtr& exchange) {
    exchange->response_begun = true;
    contexts_.response_begun(caller, *exchange);
    exchange->ended = true;
    contexts_.request_ended(*exchange);
  }

  ExchangePool pool_{1024};
  ExecutionContexts contexts_;
  std::uint64_t sleeps_ = 0;
  bool is_loop_ = false;
};

TEST_F(ExecutionContextsTest, ThreadBelongsToItsRequestWhateverItSleepsOn) {
  const ExchangePtr a = read_whole(thread(7), 100);
  sleep();
  const auto guess = contexts_.current(thread(7));
  EXPECT_EQ(guess.request, a.get());
  EXPECT_EQ(guess.evidence, Evidence::kThread);
}

TEST_F(ExecutionContextsTest, AnsweredThreadWorksForNobody) {
  const ExchangePtr a = read_whole(thread(7), 100);
  answer(thread(7), a);
  EXPECT_EQ(contexts_.current(thread(7)).doubt, Doubt::kNoRequest);
}

TEST_F(ExecutionContextsTest, UnknownThreadWorksForNobody) {
  EXPECT_EQ(contexts_.current(thread(99)).doubt, Doubt::kNoRequest);
}

TEST_F(ExecutionContextsTest, GoroutineIsItsOwnContext) {
  const ExchangePtr a = read_whole(goroutine(0xc000001), 100);
  const ExchangePtr b = read_whole(goroutine(0xc000002), 101);
  sleep();
  EXPECT_EQ(contexts_.current(goroutine(0xc000001)).request, a.get());
  EXPECT_EQ(contexts_.current(goroutine(0xc000002)).request, b.get());
  EXPECT_EQ(contexts_.current(goroutine(0xc000002)).evidence, Evidence::kGoroutine);
}

TEST_F(ExecutionContextsTest, LoopBelongsToWhatItReadLast) {
  const ExchangePtr a = read_whole(thread(7), 100);
  contexts_.acted(thread(7), *a);
  a->open_calls = 1;
  const ExchangePtr b = read_whole(thread(7), 101);
  const auto guess = contexts_.current(thread(7));
  EXPECT_EQ(guess.request, b.get());
  EXPECT_EQ(guess.evidence, Evidence::kEventLoop);
}

TEST_F(ExecutionContextsTest, AnswerOfACalleeMakesItsCallerCurrent) {
  const ExchangePtr a = read_whole(thread(7), 100);
  contexts_.acted(thread(7), *a);
  a->open_calls = 1;
  const ExchangePtr b = read_whole(thread(7), 101);
  contexts_.acted(thread(7), *b);
  b->open_calls = 1;
  sleep();
  a->open_calls = 0;
  contexts_.answer_read(thread(7), *a, true);
  EXPECT_EQ(contexts_.current(thread(7)).request, a.get());
}

TEST_F(ExecutionContextsTest, LoopThatSleptMayHaveBeenWokenByAnything) {
  is_loop_ = true;
  read_whole(thread(7), 100);
  sleep();
  EXPECT_EQ(contexts_.current(thread(7)).doubt, Doubt::kTurnOver);
}

TEST_F(ExecutionContextsTest, KnownLoopIsNeverAThreadPerRequest) {
  is_loop_ = true;
  const ExchangePtr a = read_whole(thread(7), 100);
  EXPECT_EQ(contexts_.current(thread(7)).evidence, Evidence::kEventLoop);
}

TEST_F(ExecutionContextsTest, LoopThatQueuesItsWorkIsAmbiguous) {
  const ExchangePtr a = read_whole(thread(7), 100);
  const ExchangePtr b = read_whole(thread(7), 101);
  EXPECT_EQ(contexts_.current(thread(7)).doubt, Doubt::kAmbiguous);
}

TEST_F(ExecutionContextsTest, RequestThatIsStillReadDoesNotCompete) {
  const ExchangePtr a = request(100);
  contexts_.request_read(thread(7), *a);  // head only, the body is to come
  const ExchangePtr b = read_whole(thread(7), 101);
  EXPECT_EQ(contexts_.current(thread(7)).request, b.get());
}

TEST_F(ExecutionContextsTest, RequestThatWaitsForAnAnswerDoesNotCompete) {
  const ExchangePtr a = read_whole(thread(7), 100);
  contexts_.acted(thread(7), *a);
  a->open_calls = 2;
  a->open_calls = 1;
  contexts_.answer_read(thread(7), *a, true);  // one of two answers
  const ExchangePtr b = read_whole(thread(7), 101);
  EXPECT_EQ(contexts_.current(thread(7)).request, b.get());
}

TEST_F(ExecutionContextsTest, SleepForgetsWhoWaited) {
  const ExchangePtr a = read_whole(thread(7), 100);
  const ExchangePtr b = read_whole(thread(7), 101);
  sleep();
  const ExchangePtr c = read_whole(thread(7), 102);
  EXPECT_EQ(contexts_.current(thread(7)).request, c.get());
}

TEST_F(ExecutionContextsTest, MoreWaitingRequestsThanRememberedAreAmbiguous) {
  std::vector<ExchangePtr> requests;
  for (std::uint64_t i = 0; i < 40; ++i) requests.push_back(read_whole(thread(7), 100 + i));
  for (std::size_t i = 0; i + 1 < requests.size(); ++i) contexts_.acted(thread(7), *requests[i]);
  EXPECT_EQ(contexts_.current(thread(7)).doubt, Doubt::kAmbiguous);
}

TEST_F(ExecutionContextsTest, AnswersInAProcessThatQueuesItsCallsSayNothing) {
  is_loop_ = true;
  const ExchangePtr a = read_whole(thread(7), 100);
  contexts_.acted(thread(7), *a);
  a->open_calls = 1;
  const ExchangePtr b = read_whole(thread(7), 101);  // its call waits for a free connection
  const ExchangePtr c = read_whole(thread(7), 102);
  contexts_.acted(thread(7), *c);
  c->open_calls = 1;
  sleep();
  a->open_calls = 0;
  contexts_.answer_read(thread(7), *a, true);  // frees a connection: what is sent now may be b's
  EXPECT_EQ(contexts_.current(thread(7)).doubt, Doubt::kQueued);
  answer(thread(7), a);
  const ExchangePtr d = read_whole(thread(7), 103);
  EXPECT_EQ(contexts_.current(thread(7)).request, d.get());
}

TEST_F(ExecutionContextsTest, ReadingForAStrangerLeavesALoopWithoutARequest) {
  is_loop_ = true;
  read_whole(thread(7), 100);
  contexts_.stranger_read(thread(7));
  EXPECT_EQ(contexts_.current(thread(7)).doubt, Doubt::kNoRequest);
}

TEST_F(ExecutionContextsTest, WrongPredictionIsNotForgottenSoon) {
  const ExchangePtr a = read_whole(thread(7), 100);
  contexts_.acted(thread(7), *a);
  const ExchangePtr b = read_whole(thread(7), 101);
  answer(thread(7), a);  // the model said b
  EXPECT_EQ(contexts_.mispredictions(), 1u);
  EXPECT_EQ(contexts_.current(thread(7)).doubt, Doubt::kDistrusted);
  answer(thread(7), b);
  // It is believed again once it has been right often enough.
  for (int i = 0; i < 100; ++i) answer(thread(8), read_whole(thread(8), 200));
  const ExchangePtr c = read_whole(thread(8), 201);
  EXPECT_EQ(contexts_.current(thread(8)).request, c.get());
}

TEST_F(ExecutionContextsTest, ResponseFromAnotherThreadIsAWrongPrediction) {
  const ExchangePtr a = read_whole(thread(7), 100);
  answer(thread(8), a);
  EXPECT_TRUE(a->answered_elsewhere);
  const ExchangePtr b = read_whole(thread(7), 100);
  EXPECT_EQ(contexts_.current(thread(7)).doubt, Doubt::kDistrusted);
}

TEST_F(ExecutionContextsTest, RequestsThatAreOverAreLetGo) {
  for (std::uint64_t tid = 100; tid < 120; ++tid) {
    const ExchangePtr a = read_whole(thread(7), 100);
    contexts_.answer_read(thread(tid), *a, true);
    answer(thread(7), a);
  }
  contexts_.release_ended();
  EXPECT_EQ(pool_.in_use(), 0u);
}

TEST_F(ExecutionContextsTest, ContextsAreBounded) {
  ExecutionContexts few(10);
  for (std::uint64_t i = 0; i < 100; ++i) {
    const ExchangePtr exchange = request(i);
    few.request_read(thread(i), *exchange);
  }
  EXPECT_EQ(few.size(), 10u);
  EXPECT_EQ(few.evictions(), 90u);
}

}  // namespace
}  // namespace kernspan
