/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * HTTP/2 transfers: drives the walk over frames (bpf/http2_walk.h) with user memory and the ring.
 */
#ifndef KERNSPAN_BPF_HTTP2_BPF_H
#define KERNSPAN_BPF_HTTP2_BPF_H

#include "bpf/http2_search.h"
#include "bpf/http2_walk.h"
#include "bpf/user_buffer.bpf.h"

enum {
  /* Steps of the walk over one transfer, one to three for each frame or message: 64 KiB of frames of
   * 32 bytes. Nearly every step takes some bytes, so that the work is bounded by the traffic too. */
  KS_HTTP2_STEPS_MAX = 8192,
};

/* What the loop callback gets; only pointers, so that the verifier is done after one round. */
struct ks_http2_pass {
  struct ks_scratch* work;
  struct ks_socket* socket;
  struct ks_http2_socket* http2;
};

/* In bpf/transfer.bpf.h. */
int ks_send_record(struct ks_scratch* work, ks_u32 offset, ks_u32 captured, ks_u32 flags);

static __always_inline void ks_count_by(ks_u32 counter, ks_u32 by) {
  ks_u32 cpu = bpf_get_smp_processor_id();
  struct ks_cpu_counters* row = bpf_map_lookup_elem(&counters, &cpu);
  if (row && counter < KS_COUNTER_COUNT) __sync_fetch_and_add(&row->values[counter], by);
}

static __always_inline void ks_http2_read(struct ks_scratch* work) {
  struct ks_http2_walk* walk = &work->http2;
  const ks_u32 got = ks_copy_user(work, KS_HTTP2_INPUT, walk->read_at, walk->read_bytes);
  if (got < walk->read_bytes) ks_count(KS_COUNT_READ_FAILED);
  ks_http2_has_read(walk, got);
}

/* Sends the items that are in the window. Returns 0 if the process is not to be traced. */
static __always_inline int ks_http2_send(struct ks_scratch* work, struct ks_socket* socket,
                                         struct ks_http2_direction* d, ks_u32 flags) {
  struct ks_http2_walk* walk = &work->http2;
  if (ks_is_ignored(socket, work->fixed.tgid)) {
    ks_count(KS_COUNT_IGNORED);
    socket->protocol = KS_PROTOCOL_GIVEN_UP;
    return 0;
  }
  socket->is_reported = 1;
  ks_send_record(work, d->ordinal, walk->item_bytes, KS_HTTP2 | flags);
  d->ordinal++;
  walk->item_bytes = 0;
  return 1;
}

/* ks_http2_copy_input() as a function of its own. */
__noinline int ks_http2_copy_held(struct ks_scratch* work) {
  return work ? ks_http2_copy_input(&work->http2, work->window) : 0;
}

/* One step and what it needs. Returns 1 when the walk is over. */
__noinline int ks_http2_take_step(struct ks_scratch* work, struct ks_socket* socket,
                                  struct ks_http2_socket* http2) {
  if (!work || !socket || !http2) return 1;
  struct ks_http2_walk* walk = &work->http2;
  struct ks_http2_direction* d = &http2->directions[work->fixed.direction & 1];
  ks_u32 got = 0;
  switch (ks_http2_step(walk, http2, work->fixed.direction, work->window)) {
    case KS_HTTP2_NEED_NOTHING:
      return 0;
    case KS_HTTP2_NEED_INPUT:
      ks_http2_read(work);
      return 0;
    case KS_HTTP2_NEED_COPY:
      got = walk->copy_bytes;
      if (!ks_http2_copy_held(work)) {
        got = ks_copy_user(work, walk->copy_to, walk->position, walk->copy_bytes);
        if (got < walk->copy_bytes) ks_count(KS_COUNT_READ_FAILED);
      }
      ks_http2_has_copied(walk, d, work->window, got);
      return 0;
    case KS_HTTP2_NEED_ROOM:
      return !ks_http2_send(work, socket, d, KS_MORE_PIECES);
    default:
      walk->is_over = 1;
      return 1;
  }
}

static long ks_http2_round(ks_u32 index, struct ks_http2_pass* pass) {
  /* Two steps a round: a call costs as much as a step. */
  int done = ks_http2_take_step(pass->work, pass->socket, pass->http2) ||
             ks_http2_take_step(pass->work, pass->socket, pass->http2);
  /* As in ks_next_piece(). */
  asm volatile("" : "+r"(done));
  return done != 0;
}

static __always_inline void ks_http2_count_end(struct ks_http2_walk* walk,
                                               struct ks_socket* socket) {
  if (!walk->is_over) {
    ks_count(KS_COUNT_HTTP2_TOO_MANY_FRAMES);
    walk->end = KS_HTTP2_END_BROKEN;
  } else if (walk->end == KS_HTTP2_END_BROKEN) {
    ks_count(KS_COUNT_HTTP2_BROKEN);
  } else if (walk->end == KS_HTTP2_END_NOT_FOUND) {
    ks_count(KS_COUNT_HTTP2_NOT_FOUND);
  }
  if (ks_http2_should_give_up(walk, socket)) {
    ks_count(KS_COUNT_GIVEN_UP);
    socket->protocol = KS_PROTOCOL_GIVEN_UP;
  }
  if (walk->cut_blocks) ks_count_by(KS_COUNT_HEAD_CUT, walk->cut_blocks);
  if (walk->untracked_streams) ks_count_by(KS_COUNT_HTTP2_UNTRACKED, walk->untracked_streams);
  if (walk->lost_messages) ks_count_by(KS_COUNT_HTTP2_LOST_MESSAGES, walk->lost_messages);
}

/* The transfer's bytes from work->http2.position on. `begin`: enum ks_http2_begin. `reason`: why there
 * is no buffer, or -1. */
__noinline int ks_http2_follow(struct ks_scratch* work, struct ks_socket* socket,
                               struct ks_http2_socket* http2, ks_u32 begin, int reason) {
  if (!work || !socket || !http2) return 0;
  const ks_u32 direction = work->fixed.direction & 1;
  struct ks_http2_walk* walk = &work->http2;
  struct ks_http2_direction* d = &http2->directions[direction];
  if (d->phase == KS_HTTP2_PHASE_NEW) {
    const ks_u8 matched = ks_http2_preface_before(&socket->messages[direction]);
    if (begin == KS_HTTP2_BEGINS_ANYWHERE)
      begin = ks_http2_expect(socket, direction, work->fixed.flags & KS_STREAM_START, matched);
    ks_http2_enter(walk, d, begin, matched == KS_HTTP2_NO_PREFACE ? 0 : matched);
  } else {
    ks_http2_enter(walk, d, KS_HTTP2_BEGINS_ANYWHERE, 0);
  }
  socket->protocol = KS_PROTOCOL_HTTP2;

  if (reason >= 0 && !ks_http2_pass_unread(walk, d)) {
    ks_count(reason);
    ks_http2_leave(walk, d);
    return 0;
  }
  struct ks_http2_pass pass = {.work = work, .socket = socket, .http2 = http2};
  const ks_u32 ordinal = d->ordinal;
  bpf_loop(KS_HTTP2_STEPS_MAX / 2, ks_http2_round, &pass, 0);
  ks_http2_count_end(walk, socket);
  ks_http2_leave(walk, d);
  if (walk->item_bytes != 0)
    ks_http2_send(work, socket, d, 0);
  else if (d->ordinal == ordinal)
    ks_count(KS_COUNT_BODY);
  return 0;
}

/* Whether the transfer on a socket of unknown protocol shows that it speaks HTTP/2: enum
 * ks_http2_begin. Sets the role where that is known. */
__noinline int ks_http2_recognise(struct ks_scratch* work, struct ks_socket* socket) {
  if (!work || !socket) return KS_HTTP2_BEGINS_ANYWHERE;
  const ks_u32 direction = work->fixed.direction & 1;
  struct ks_http2_walk* walk = &work->http2;
  const struct ks_message* message = &socket->messages[direction];
  const ks_u8 matched = ks_http2_preface_before(message);
  if (matched == KS_HTTP2_NO_PREFACE) return KS_HTTP2_BEGINS_ANYWHERE;
  ks_http2_ask(walk, 0);
  ks_http2_read(work);
  if (ks_http2_begins_preface(ks_load64(work->window + KS_HTTP2_INPUT), walk->input_bytes,
                              matched)) {
    socket->role = direction == KS_SEND ? KS_ROLE_CLIENT : KS_ROLE_SERVER;
    return KS_HTTP2_BEGINS_PREFACE;
  }
  if (matched != 0) return KS_HTTP2_BEGINS_ANYWHERE;
  enum ks_http2_place place = KS_HTTP2_PLACE_AGAIN;
  /* Each header may have to be read first. */
  for (int i = 0; i < 2 * KS_HTTP2_HEADERS_BELIEVED && place <= KS_HTTP2_PLACE_ASK; i++) {
    place = ks_http2_find_place(walk, work->window);
    if (place == KS_HTTP2_PLACE_ASK) ks_http2_read(work);
  }
  const enum ks_http2_begin begin =
      ks_http2_judge_place(walk, socket, place, work->fixed.flags & KS_STREAM_START);
  if (begin == KS_HTTP2_BEGINS_FRAMES)
    socket->role = direction == KS_SEND ? KS_ROLE_SERVER : KS_ROLE_CLIENT;
  return begin;
}

static __always_inline struct ks_http2_socket* ks_http2_state(struct sock* sk) {
  return bpf_sk_storage_get(&http2_sockets, sk, 0, 0);
}

/* As ks_http2_follow(), with the socket's frame state, which is made and ends here. */
static __always_inline void ks_follow_http2(struct ks_scratch* work, struct ks_socket* socket,
                                            struct sock* sk, ks_u32 begin, int reason) {
  struct ks_http2_socket* http2 = KS_MAKE_SOCKET_STORAGE(http2_sockets, sk);
  if (!http2) {
    ks_count(KS_COUNT_NO_STORAGE);
    socket->protocol = KS_PROTOCOL_GIVEN_UP;
    return;
  }
  ks_http2_follow(work, socket, http2, begin, reason);
  if (socket->protocol == KS_PROTOCOL_GIVEN_UP) bpf_sk_storage_delete(&http2_sockets, sk);
}

/* The peer has finished sending. */
static __always_inline void ks_http2_end(struct ks_scratch* work, struct sock* sk) {
  struct ks_http2_socket* http2 = ks_http2_state(sk);
  if (!http2) return;
  struct ks_http2_direction* d = &http2->directions[KS_RECV];
  ks_send_record(work, d->ordinal, 0, KS_HTTP2 | KS_EOF);
  d->ordinal++;
}

#endif
