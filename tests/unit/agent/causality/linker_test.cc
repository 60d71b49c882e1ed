#include "agent/causality/linker.h"

#include <gtest/gtest.h>

namespace kernspan {
namespace {

constexpr std::uint64_t kMs = 1'000'000;

class LinkerTest : public testing::Test {
 protected:
  static Caller thread(std::uint32_t tgid, std::uint64_t tid) {
    return {.key = {.tgid = tgid, .id = tid}};
  }
  ExchangePtr exchange(Role role, std::uint32_t tgid, std::uint64_t connection, std::uint32_t seq,
                       std::uint64_t start_ns) {
    ExchangePtr made = pool_.acquire();
    made->role = role;
    made->tgid = tgid;
    made->connection = connection;
    made->request_seq = seq;
    made->start_ns = start_ns;
    made->request_complete = true;
    SocketAddress& client = role == Role::kClient ? made->local : made->remote;
    client.ip = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1};
    client.port = 40000;
    return made;
  }
  ExchangePtr served(std::uint32_t tgid, std::uint64_t tid, std::uint32_t seq = 1,
                     std::uint64_t start_ns = kMs) {
    ExchangePtr made = exchange(Role::kServer, tgid, 1000 + seq, seq, start_ns);
    linker_.request_read(*made, thread(tgid, tid), true);
    return made;
  }
  ExchangePtr called(std::uint32_t tgid, std::uint64_t tid, std::uint32_t seq = 2,
                     std::uint64_t start_ns = 2 * kMs) {
    ExchangePtr made = exchange(Role::kClient, tgid, 2000 + seq, seq, start_ns);
    linker_.call_sent(*made, thread(tgid, tid), false);
    return made;
  }
  static TraceContext header(std::uint8_t id) {
    TraceContext context;
    context.trace_id.bytes.fill(id);
    context.parent_span_id.bytes.fill(id);
    context.flags = 1;
    return context;
  }

  ExchangePool pool_{1024};
  std::uint64_t next_id_ = 1;
  Linker linker_{LinkLimits{.depth_max = 8, .calls_max = 3}, [this] { return next_id_++; }};
};

TEST_F(LinkerTest, CallBecomesChildOfTheThreadsRequest) {
  const ExchangePtr request = served(1, 7);
  const ExchangePtr call = called(1, 7);
  linker_.settle(*call);
  EXPECT_EQ(call->trace_id, request->trace_id);
  EXPECT_EQ(call->parent_span_id, request->span_id);
  EXPECT_EQ(call->evidence, Evidence::kThread);
  EXPECT_FALSE(request->parent_span_id.is_valid());
}

TEST_F(LinkerTest, CallWithoutARequestIsARoot) {
  const ExchangePtr call = called(1, 7);
  linker_.settle(*call);
  EXPECT_TRUE(call->trace_id.is_valid());
  EXPECT_FALSE(call->parent_span_id.is_valid());
  EXPECT_EQ(linker_.counters().no_request, 1u);
}

TEST_F(LinkerTest, EndsOfOneRequestMeetInEitherOrder) {
  for (const bool server_first : {false, true}) {
    const std::uint32_t seq = server_first ? 50 : 60;
    ExchangePtr call, request;
    if (server_first) request = served(2, 9, seq, 5 * kMs);
    call = called(1, 7, seq, 5 * kMs + 10);
    if (!server_first) request = served(2, 9, seq, 5 * kMs);
    linker_.settle(*request);
    EXPECT_EQ(request->parent_span_id, call->span_id);
    EXPECT_EQ(request->trace_id, call->trace_id);
    EXPECT_EQ(request->evidence, Evidence::kWire);
    EXPECT_LE(call->start_ns, request->start_ns) << "a call cannot start after what it caused";
  }
  EXPECT_EQ(linker_.wire().waiting(), 0u);
}

TEST_F(LinkerTest, EndsWithOtherSequenceNumbersDoNotMeet) {
  const ExchangePtr call = called(1, 7, 50);
  const ExchangePtr request = served(2, 9, 51);
  linker_.settle(*request);
  EXPECT_EQ(request->evidence, Evidence::kNone);
}

TEST_F(LinkerTest, ChainAcrossThreeProcessesIsOneTrace) {
  const ExchangePtr a = served(1, 7, 1);
  const ExchangePtr ab = called(1, 7, 2);
  const ExchangePtr b = served(2, 8, 2);
  const ExchangePtr bc = called(2, 8, 3);
  const ExchangePtr c = served(3, 9, 3);
  linker_.settle(*c);
  EXPECT_EQ(c->trace_id, a->trace_id);
  EXPECT_EQ(c->parent_span_id, bc->span_id);
  EXPECT_EQ(bc->parent_span_id, b->span_id);
  EXPECT_EQ(b->parent_span_id, ab->span_id);
}

TEST_F(LinkerTest, HeaderNamesTheParentOfARequestFromOutside) {
  ExchangePtr request = exchange(Role::kServer, 1, 1, 1, kMs);
  request->header_context = header(0xab);
  linker_.request_read(*request, thread(1, 7), true);
  linker_.settle(*request);
  EXPECT_EQ(request->trace_id, header(0xab).trace_id);
  EXPECT_EQ(request->parent_span_id, header(0xab).parent_span_id);
  EXPECT_EQ(request->evidence, Evidence::kTraceparent);
}

TEST_F(LinkerTest, HeaderThatIsPassedThroughFindsItsRequestOnAnotherThread) {
  ExchangePtr request = exchange(Role::kServer, 1, 1, 1, kMs);
  request->header_context = header(0xab);
  linker_.request_read(*request, thread(1, 7), true);
  served(1, 8, 5);  // another request, on the thread that calls
  ExchangePtr call = exchange(Role::kClient, 1, 2, 2, 2 * kMs);
  call->header_context = header(0xab);
  linker_.call_sent(*call, thread(1, 8), false);
  linker_.settle(*call);
  EXPECT_EQ(call->parent_span_id, request->span_id);
  EXPECT_EQ(call->evidence, Evidence::kTraceparent);
}

TEST_F(LinkerTest, HeaderOfAnSdkWinsOverTheThread) {
  served(1, 7);
  ExchangePtr call = exchange(Role::kClient, 1, 2, 2, 2 * kMs);
  call->header_context = header(0xcd);
  linker_.call_sent(*call, thread(1, 7), false);
  linker_.settle(*call);
  EXPECT_EQ(call->trace_id, header(0xcd).trace_id);
  EXPECT_EQ(call->parent_span_id, header(0xcd).parent_span_id);
}

TEST_F(LinkerTest, WireWinsOverTheSameHeaderAtTheCallee) {
  ExchangePtr call = exchange(Role::kClient, 1, 2, 50, kMs);
  call->header_context = header(0xcd);
  linker_.call_sent(*call, thread(1, 7), false);
  ExchangePtr request = exchange(Role::kServer, 2, 3, 50, kMs + 1);
  request->header_context = header(0xcd);
  linker_.request_read(*request, thread(2, 9), true);
  linker_.settle(*request);
  EXPECT_EQ(request->parent_span_id, call->span_id);
  EXPECT_EQ(request->trace_id, header(0xcd).trace_id);
  EXPECT_EQ(request->evidence, Evidence::kWire);
}

TEST_F(LinkerTest, LinkByOrderWaitsForTheParentsResponseAndFallsWithIt) {
  const ExchangePtr request = served(1, 7);
  const ExchangePtr call = called(1, 7);
  EXPECT_TRUE(Linker::awaits_confirmation(*call));
  request->response_begun = true;
  linker_.response_begun(*request, thread(1, 8));  // the thread had passed the request on
  EXPECT_FALSE(Linker::awaits_confirmation(*call));
  linker_.settle(*call);
  EXPECT_EQ(call->evidence, Evidence::kNone);
  EXPECT_NE(call->trace_id, request->trace_id);
  EXPECT_EQ(linker_.counters().answered_elsewhere, 1u);
}

TEST_F(LinkerTest, FirstRequestOfAConnectionIsForWhoeverConnected) {
  Caller loop = thread(1, 7);
  loop.is_event_loop = true;
  ExchangePtr a = exchange(Role::kServer, 1, 1, 1, kMs);
  linker_.request_read(*a, loop, true);
  linker_.connecting(77, loop, kMs);
  ExchangePtr b = exchange(Role::kServer, 1, 2, 2, kMs);
  linker_.request_read(*b, loop, true);
  ExchangePtr call = exchange(Role::kClient, 1, 77, 3, 2 * kMs);
  linker_.call_sent(*call, loop, true);
  linker_.settle(*call);
  EXPECT_EQ(call->parent.get(), a.get());
}

TEST_F(LinkerTest, RequestWhoseSecondCallAwaitsItsConnectionDoesNotCompete) {
  Caller loop = thread(1, 7);
  loop.is_event_loop = true;
  ExchangePtr a = exchange(Role::kServer, 1, 1, 1, kMs);
  linker_.request_read(*a, loop, true);
  linker_.connecting(77, loop, kMs);
  linker_.connecting(78, loop, kMs);
  ExchangePtr first = exchange(Role::kClient, 1, 77, 3, 2 * kMs);
  linker_.call_sent(*first, loop, true);
  linker_.answer_read(*first, loop, true);  // before the second call could be sent
  linker_.ended(*first);
  ExchangePtr b = exchange(Role::kServer, 1, 2, 2, kMs);
  linker_.request_read(*b, loop, true);
  ExchangePtr call = exchange(Role::kClient, 1, 90, 4, 2 * kMs);
  linker_.call_sent(*call, loop, false);
  EXPECT_EQ(call->parent.get(), b.get());
}

TEST_F(LinkerTest, ConnectionThatNobodyAskedForHasNoParent) {
  Caller loop = thread(1, 7);
  loop.is_event_loop = true;
  linker_.connecting(77, loop, kMs);
  ExchangePtr b = exchange(Role::kServer, 1, 2, 2, kMs);
  linker_.request_read(*b, loop, true);
  ExchangePtr call = exchange(Role::kClient, 1, 77, 3, 2 * kMs);
  linker_.call_sent(*call, loop, true);
  linker_.settle(*call);
  EXPECT_FALSE(call->parent);
}

TEST_F(LinkerTest, ConnectionsThatNeverCallKeepNoRequest) {
  for (std::uint32_t i = 0; i < 100; ++i) {
    const ExchangePtr request = served(1, 7, i);
    linker_.connecting(5000 + i, thread(1, 7), kMs);  // to a database
    linker_.settle(*request);
    request->ended = true;
    linker_.ended(*request);
  }
  linker_.sweep(2 * kMs);
  EXPECT_EQ(pool_.in_use(), 0u);
}

TEST_F(LinkerTest, SettledTraceIsNotChangedByALateEnd) {
  const ExchangePtr request = served(2, 9, 50);
  linker_.settle(*request);
  const TraceId before = request->trace_id;
  const ExchangePtr call = called(1, 7, 50);
  EXPECT_EQ(request->trace_id, before);
  EXPECT_FALSE(request->parent);
  linker_.settle(*call);
  EXPECT_NE(call->trace_id, before);
}

TEST_F(LinkerTest, TracesAreBoundedInWidth) {
  const ExchangePtr request = served(1, 7);
  std::vector<ExchangePtr> calls;
  for (std::uint32_t i = 0; i < 5; ++i) calls.push_back(called(1, 7, 100 + i));
  EXPECT_EQ(linker_.counters().bounds, 2u);
  linker_.settle(*calls.back());
  EXPECT_NE(calls.back()->trace_id, request->trace_id);
}

TEST_F(LinkerTest, TracesAreBoundedInDepth) {
  std::vector<ExchangePtr> kept;
  for (std::uint32_t i = 0; i < 20; ++i) {
    kept.push_back(served(i + 1, 1, 2 * i));
    kept.push_back(called(i + 1, 1, 2 * i + 2));
  }
  EXPECT_GT(linker_.counters().bounds, 0u);
  for (const ExchangePtr& each : kept) {
    std::uint32_t depth = 0;
    for (const Exchange* at = each.get(); at; at = at->parent.get()) ++depth;
    EXPECT_LE(depth, 8u);
  }
}

TEST_F(LinkerTest, ClockOffsetIsTheRootsThroughoutTheTrace) {
  const ExchangePtr request = served(1, 7);
  request->wall_offset_ns = 1000;
  const ExchangePtr call = called(1, 7);
  call->wall_offset_ns = 5000;  // the wall clock was stepped in between
  linker_.settle(*call);
  EXPECT_EQ(call->wall_offset_ns, 1000);
}

}  // namespace
}  // namespace kernspan
