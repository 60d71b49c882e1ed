// Where a direction of a connection stands after its heads and bodies.
#include "bpf/message_state.h"

#include <gtest/gtest.h>

#include <string_view>

namespace {

struct Case {
  ks_u16 status = 0;                   // 0: a request
  ks_method method = KS_METHOD_OTHER;  // of the request, or of the one that is answered
  bool has_length = false;
  ks_u64 length = 0;
  bool is_chunked = false;
  bool has_bad_length = false;
};

struct State {
  ks_socket socket{};
  ks_message* message = &socket.messages[KS_SEND];

  void end_head(const Case& head) {
    ks_begin_head(message);
    message->head.is_response = head.status != 0;
    message->head.status = head.status;
    message->head.method = head.method;
    message->head.has_content_length = head.has_length;
    message->head.content_length = head.length;
    message->head.has_transfer_encoding = head.is_chunked;
    message->head.has_bad_length = head.has_bad_length;
    if (head.status != 0) ks_push_method(&socket, head.method);
    ks_end_head(&socket, message);
  }
};

int phase_after(const Case& head) {
  State state;
  state.end_head(head);
  return state.socket.protocol == KS_PROTOCOL_GIVEN_UP ? -1 : state.message->phase;
}

TEST(EndOfHead, RequestsHaveTheBodyTheySpeakOf) {
  EXPECT_EQ(phase_after({}), KS_PHASE_START);
  EXPECT_EQ(phase_after({.has_length = true, .length = 5}), KS_PHASE_BODY);
  EXPECT_EQ(phase_after({.has_length = true, .length = 0}), KS_PHASE_START);
  EXPECT_EQ(phase_after({.is_chunked = true}), KS_PHASE_UNFRAMED);
  EXPECT_EQ(phase_after({.has_length = true, .length = 5, .is_chunked = true}), KS_PHASE_UNFRAMED);
  EXPECT_EQ(phase_after({.has_length = true, .length = 5, .has_bad_length = true}),
            KS_PHASE_UNFRAMED);
}

TEST(EndOfHead, ResponsesDependOnStatusAndRequest) {
  EXPECT_EQ(phase_after({.status = 200}), KS_PHASE_UNFRAMED) << "until close";
  EXPECT_EQ(phase_after({.status = 200, .has_length = true, .length = 5}), KS_PHASE_BODY);
  EXPECT_EQ(phase_after({.status = 204, .has_length = true, .length = 5}), KS_PHASE_START);
  EXPECT_EQ(phase_after({.status = 304, .has_length = true, .length = 5}), KS_PHASE_START);
  EXPECT_EQ(phase_after({.status = 100}), KS_PHASE_START);
  EXPECT_EQ(phase_after({.status = 200, .method = KS_METHOD_HEAD, .has_length = true, .length = 5}),
            KS_PHASE_START);
  State switched;
  switched.end_head({.status = 101});
  EXPECT_EQ(switched.socket.protocol, KS_PROTOCOL_SWITCHED);
  EXPECT_EQ(phase_after({.status = 200, .method = KS_METHOD_CONNECT}), -1);
  EXPECT_EQ(
      phase_after({.status = 407, .method = KS_METHOD_CONNECT, .has_length = true, .length = 5}),
      KS_PHASE_BODY);
}

TEST(Methods, QueueInOrderAndInterimResponsesTakeNone) {
  ks_socket socket{};
  for (int round = 0; round < 300; ++round) {
    ks_push_method(&socket, KS_METHOD_HEAD);
    ks_push_method(&socket, KS_METHOD_OTHER);
    ks_push_method(&socket, KS_METHOD_CONNECT);
    EXPECT_EQ(ks_pop_method(&socket), KS_METHOD_HEAD);
    EXPECT_EQ(ks_pop_method(&socket), KS_METHOD_OTHER);
    EXPECT_EQ(ks_pop_method(&socket), KS_METHOD_CONNECT);
    EXPECT_EQ(ks_pop_method(&socket), KS_METHOD_OTHER) << "none is waiting";
  }
  State state;
  ks_push_method(&state.socket, KS_METHOD_HEAD);
  state.message->head.is_response = 1;
  state.message->head.status = 100;
  ks_end_head(&state.socket, state.message);
  EXPECT_EQ(ks_pop_method(&state.socket), KS_METHOD_HEAD);
}

TEST(Body, IsCountedDown) {
  State state;
  state.end_head({.has_length = true, .length = 100});
  EXPECT_EQ(ks_take_body(state.message, 60), 60u);
  EXPECT_EQ(state.message->phase, KS_PHASE_BODY);
  EXPECT_EQ(ks_take_body(state.message, 60), 40u);
  EXPECT_EQ(state.message->phase, KS_PHASE_START);
  EXPECT_EQ(ks_take_body(state.message, 20), 0u);
  state.end_head({.is_chunked = true});
  EXPECT_EQ(ks_take_body(state.message, 20), 20u);
}

TEST(Body, IsReportedOnceInAGibibyteAndOnceInAPeriod) {
  State state;
  const ks_u64 gib = 1ULL << 30, now = 100ULL << 35;
  state.end_head({.has_length = true, .length = 5 * gib});
  state.message->body_period = 100;
  int reported = 0;
  for (ks_u64 at = 0; at + gib / 4 < 5 * gib; at += gib / 4) {
    ks_take_body(state.message, gib / 4);
    reported += ks_body_is_due(state.message, state.message->body_left, gib / 4, now);
  }
  EXPECT_EQ(reported, 5);
  EXPECT_TRUE(ks_body_is_due(state.message, 500, 100, now + (1ULL << 35)));
  EXPECT_FALSE(ks_body_is_due(state.message, 400, 100, now + (1ULL << 35) + 1));
}

TEST(Sequence, GapsAreTakenOffACountedBody) {
  State state;
  state.end_head({.has_length = true, .length = 100});
  EXPECT_EQ(ks_check_sequence(state.message, 7), 0) << "nothing is known yet";
  state.message->next_seq = 0xfffffff0;
  state.message->has_next_seq = 1;
  EXPECT_EQ(ks_check_sequence(state.message, 0xfffffff0), 0);
  EXPECT_EQ(ks_check_sequence(state.message, 0x10), 1);
  EXPECT_EQ(state.message->body_left, 100u - 0x20);
  EXPECT_EQ(state.message->phase, KS_PHASE_BODY);
}

TEST(Sequence, OtherGapsLoseThePlace) {
  for (const ks_u32 seq : {ks_u32{1000 + 101}, ks_u32{999}}) {
    State state;
    state.end_head({.has_length = true, .length = 100});
    state.message->next_seq = 1000;
    state.message->has_next_seq = 1;
    EXPECT_EQ(ks_check_sequence(state.message, seq), 1);
    EXPECT_EQ(state.message->phase, KS_PHASE_UNFRAMED);
  }
}

// The running tail as it is after a body that came in these transfers.
ks_u64 tail_of(std::initializer_list<std::string_view> transfers) {
  ks_u64 tail = 0;
  for (std::string_view transfer : transfers) {
    if (transfer.size() > 8) transfer.remove_prefix(transfer.size() - 8);
    ks_u64 last = 0;
    __builtin_memcpy(&last, transfer.data(), transfer.size());
    tail = ks_join_tail(tail, last, static_cast<ks_u32>(transfer.size()));
  }
  return tail;
}

TEST(ChunkedEnd, IsSeenHoweverItIsSplit) {
  const std::string_view body = "5\r\nhello\r\n0\r\n\r\n";
  EXPECT_TRUE(ks_ends_chunked(tail_of({body})));
  for (std::size_t i = 1; i < body.size(); ++i) {
    EXPECT_TRUE(ks_ends_chunked(tail_of({body.substr(0, i), body.substr(i)}))) << i;
    for (std::size_t j = i + 1; j < body.size(); ++j) {
      EXPECT_TRUE(
          ks_ends_chunked(tail_of({body.substr(0, i), body.substr(i, j - i), body.substr(j)})));
    }
  }
  EXPECT_TRUE(ks_ends_chunked(tail_of({"0\r\n\r\n"}))) << "an empty body";
}

TEST(ChunkedEnd, IsNotTakenForGranted) {
  EXPECT_FALSE(ks_ends_chunked(tail_of({"5\r\nhello\r\n"})));
  EXPECT_FALSE(ks_ends_chunked(tail_of({"10\r\n\r\n"})));
  EXPECT_FALSE(ks_ends_chunked(tail_of({"\n0\r\n\r\n."})));
  EXPECT_FALSE(ks_ends_chunked(tail_of({"0\r\n"})));
  EXPECT_FALSE(ks_ends_chunked(0));
}

TEST(Roles, OnlyFittingStartsAreTaken) {
  ks_socket socket{};
  EXPECT_TRUE(ks_start_fits(&socket, KS_SEND, KS_START_RESPONSE));
  EXPECT_TRUE(ks_start_fits(&socket, KS_SEND, KS_START_REQUEST));
  EXPECT_FALSE(ks_start_fits(&socket, KS_SEND, KS_START_NO));
  ks_confirm(&socket, KS_RECV, 0);
  EXPECT_EQ(socket.role, KS_ROLE_SERVER);
  EXPECT_FALSE(ks_start_fits(&socket, KS_SEND, KS_START_REQUEST));
  EXPECT_FALSE(ks_start_fits(&socket, KS_RECV, KS_START_RESPONSE));
  EXPECT_TRUE(ks_start_fits(&socket, KS_SEND, KS_START_RESPONSE));
  EXPECT_TRUE(ks_start_fits(&socket, KS_RECV, KS_START_REQUEST));
  ks_confirm(&socket, KS_RECV, 1);
  EXPECT_EQ(socket.role, KS_ROLE_CLIENT);
}

TEST(GivingUp, AtOnceFromTheFirstByteAndInTheEndOtherwise) {
  ks_socket from_first{};
  from_first.is_from_first = 1;
  EXPECT_TRUE(ks_should_give_up(&from_first));
  ks_socket midstream{};
  for (int i = 1; i < KS_MIDSTREAM_TRANSFERS_MAX; ++i) EXPECT_FALSE(ks_should_give_up(&midstream));
  EXPECT_TRUE(ks_should_give_up(&midstream));
}

}  // namespace
