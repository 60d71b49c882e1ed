/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The worker: what becomes of one transfer on one TCP socket. See bpf/abi/events.h for what it
 * sends and bpf/message_state.h for what it remembers.
 */
#ifndef KERNSPAN_BPF_TRANSFER_BPF_H
#define KERNSPAN_BPF_TRANSFER_BPF_H

#include "bpf/http2.bpf.h"
#include "bpf/shed.bpf.h"
#include "bpf/socket.bpf.h"
#include "bpf/turns.bpf.h"

enum {
  KS_MSG_OOB = 0x1,
  KS_MSG_PEEK = 0x2,
  KS_MSG_TRUNC = 0x20,
  KS_MSG_ERRQUEUE = 0x2000,
};

enum {
  /* Records that one transfer may become: a read of 128 KiB of pipelined small requests has more
   * starts than anyone sends; a head of KS_HEAD_BYTES_MAX has 16. */
  KS_PIECES_MAX = 64,
  /* Steps of a scan: one for each 32 bytes, one for each line, one for each character of a length.
   */
  KS_SCAN_STEPS_MAX = 2 * KS_CAPTURE_BYTES_MAX,
  /* What decides about a start: leading newlines, method, space, target's first byte. */
  KS_START_BYTES = 32,
  /* Most heads end within so many bytes. */
  KS_FIRST_STAGE_BYTES = 1024,
};

/* What the loop callbacks get; only pointers, so that the verifier is done after one round. */
struct ks_pass {
  struct ks_scratch* work;
  struct ks_socket* socket;
};

/* Sends the window's first `captured` data bytes as one record, with the tail that was read, if
 * any. */
__noinline int ks_send_record(struct ks_scratch* work, ks_u32 offset, ks_u32 captured,
                              ks_u32 flags) {
  if (!work || captured > KS_CAPTURE_BYTES_MAX) return 0;
  work->event = work->fixed;
  work->event.header.size = KS_DATA + captured;
  work->event.piece_offset = offset;
  work->event.captured_bytes = captured;
  work->event.flags = work->fixed.flags | flags;
  work->fixed.tail_bytes = 0;
  *(ks_u64*)work->fixed.tail = 0;
  const long failed =
      bpf_ringbuf_output(&events, work->window, KS_DATA + captured, BPF_RB_NO_WAKEUP);
  ks_count(failed ? KS_COUNT_RING_FULL_TRANSFER : KS_COUNT_SUBMITTED);
  return 0;
}

/* Reads the last bytes of the transfer, at most 8 and none before `from`, into the running tail of
 * an unframed body, which may be its end, and into the next record. */
static __always_inline void ks_read_tail(struct ks_scratch* work, struct ks_message* message,
                                         ks_u32 from) {
  const ks_u32 bytes = work->fixed.transfer_bytes;
  ks_u32 count = bytes - from;
  if (count > KS_TAIL_BYTES_MAX) count = KS_TAIL_BYTES_MAX;
  if (!work->has_source || ks_copy_user(work, 0, bytes - count, count) != count) {
    message->tail = 0;
    return;
  }
  ks_u64 word = *(ks_u64*)work->window;
  if (count < KS_TAIL_BYTES_MAX) word &= (1ULL << (8 * count)) - 1;
  *(ks_u64*)work->fixed.tail = word;
  work->fixed.tail_bytes = count;
  message->tail = ks_join_tail(message->tail, word, count);
  if (ks_ends_chunked(message->tail)) {
    message->phase = KS_PHASE_START;
    message->tail = 0;
  }
}

/* The transfer's bytes from work->offset on are not those of a head: says so, without them. */
static __always_inline void ks_send_unseen(struct ks_scratch* work, struct ks_message* message,
                                           ks_u32 flags) {
  if (message->phase == KS_PHASE_UNFRAMED && work->fixed.transfer_bytes > work->offset)
    ks_read_tail(work, message, work->offset);
  ks_send_record(work, work->offset, 0, flags);
}

static __always_inline void ks_give_up(struct ks_socket* socket) {
  socket->protocol = KS_PROTOCOL_GIVEN_UP;
  ks_count(KS_COUNT_GIVEN_UP);
}

/* What came is not the start of a message, or could not be read. */
static __always_inline void ks_lose_place(struct ks_scratch* work, struct ks_socket* socket,
                                          struct ks_message* message) {
  if (socket->protocol == KS_PROTOCOL_HTTP1) {
    message->phase = KS_PHASE_UNFRAMED;
    message->tail = 0;
    work->owes_record = 1;
    return;
  }
  message->phase = KS_PHASE_START;
  if (ks_should_give_up(socket)) ks_give_up(socket);
}

/* ks_guess_start() as a function of its own. */
__noinline int ks_judge_start(const struct ks_scratch* work, ks_u32 begin, ks_u32 end,
                              struct ks_head* head) {
  if (!work || !head) return KS_START_NO;
  return ks_guess_start(work->window, begin, end, head);
}

static long ks_scan_round(ks_u32 index, struct ks_pass* pass) {
  struct ks_scratch* work = pass->work;
  struct ks_socket* socket = pass->socket;
  const ks_u32 direction = work->fixed.direction & 1;
  struct ks_head* head = &socket->messages[direction].head;
  /* Two steps a round: a call costs as much as a step. */
  return ks_scan_step(work->window, &work->scan, head) ||
         ks_scan_step(work->window, &work->scan, head);
}

static __always_inline void ks_load_carry(ks_u8* window, const struct ks_message* message) {
  ks_u64* to = (ks_u64*)(window + KS_DATA - KS_CARRY_BYTES);
  const ks_u64* from = (const ks_u64*)message->carry;
  for (int i = 0; i < KS_CARRY_BYTES / 8; i++) to[i] = from[i];
}

static __always_inline void ks_save_carry(struct ks_message* message, const ks_u8* window,
                                          const struct ks_scan* scan) {
  ks_u32 line_bytes = scan->end - scan->line;
  message->carry_is_cut = scan->line_is_cut || line_bytes > KS_CARRY_BYTES;
  message->carry_line = line_bytes > KS_CARRY_BYTES ? KS_CARRY_BYTES : line_bytes;
  ks_u64* to = (ks_u64*)message->carry;
  for (int i = 0; i < KS_CARRY_BYTES / 8; i++)
    to[i] = ks_word(window, scan->end - KS_CARRY_BYTES + 8 * i);
}

/* How much of `want` bytes to copy at first: most heads are short, and what follows them in the same
 * buffer or in the next segment is body. */
static __always_inline ks_u32 ks_first_stage(const struct ks_source* source, ks_u32 offset,
                                             ks_u32 want) {
  if (want > KS_FIRST_STAGE_BYTES) want = KS_FIRST_STAGE_BYTES;
  if (source->segment_count > 1 && offset == 0 && source->segments[0].bytes >= KS_START_BYTES &&
      source->segments[0].bytes < want)
    want = source->segments[0].bytes;
  return want;
}

/* Deals with one piece of the transfer, from work->offset on: all or a part of one head, and the
 * body behind it. Returns 1 when no further piece is to come. */
__noinline int ks_take_piece(struct ks_scratch* work, struct ks_socket* socket, ks_u32 index) {
  if (!work || !socket) return 1;
  struct ks_pass pass = {.work = work, .socket = socket};
  struct ks_message* message = &socket->messages[work->fixed.direction & 1];
  const ks_u32 offset = work->offset;
  const ks_u32 bytes = work->fixed.transfer_bytes;
  ks_u32 want = bytes - offset;
  if (want > KS_CAPTURE_BYTES_MAX) want = KS_CAPTURE_BYTES_MAX;

  const ks_u32 first = ks_first_stage(&work->source, offset, want);
  ks_u32 got = ks_copy_user(work, KS_DATA, offset, first);
  if (got == 0) {
    ks_count(KS_COUNT_READ_FAILED);
    ks_lose_place(work, socket, message);
    return 1;
  }
  ks_u32 flags = 0;
  if (message->phase == KS_PHASE_HEAD) {
    ks_load_carry(work->window, message);
  } else {
    ks_begin_head(message);
    flags = KS_HEAD_START;
  }
  struct ks_scan* scan = &work->scan;
  ks_begin_scan(scan, KS_DATA, KS_DATA + got, message->carry_line, message->carry_is_cut);

  if (!message->is_decided) {
    const enum ks_start start = ks_judge_start(work, scan->line, scan->end, &message->head);
    if (!ks_start_fits(socket, work->fixed.direction & 1, start)) {
      ks_lose_place(work, socket, message);
      return 1;
    }
    message->is_decided = start != KS_START_MAYBE;
  }
  if (flags && ks_is_ignored(socket, work->fixed.tgid)) {
    ks_count(KS_COUNT_IGNORED);
    socket->protocol = KS_PROTOCOL_GIVEN_UP;
    return 1;
  }

  bpf_loop(KS_SCAN_STEPS_MAX, ks_scan_round, &pass, 0);
  if (scan->result == KS_SCAN_MORE && got == first && first < want) {
    got += ks_copy_user(work, KS_DATA + first, offset + first, want - first);
    scan->end = KS_DATA + got;
    bpf_loop(KS_SCAN_STEPS_MAX, ks_scan_round, &pass, 0);
  }

  const bool has_end = scan->result == KS_SCAN_HEAD_END;
  if (scan->result == KS_SCAN_NOT_HTTP ||
      (work->is_candidate &&
       (!message->head.has_start_line || (work->candidate_phase == KS_PHASE_BODY && !has_end)))) {
    ks_lose_place(work, socket, message);
    return 1;
  }
  if (work->candidate_phase != KS_PHASE_BODY) work->is_candidate = 0; /* it is one */
  if (message->head.has_start_line && socket->protocol == KS_PROTOCOL_UNKNOWN)
    ks_confirm(socket, work->fixed.direction & 1, message->head.is_response);

  const ks_u32 scanned = (has_end ? scan->position : scan->end) - KS_DATA;
  const ks_u32 before = message->head_bytes;
  ks_u32 captured = scanned;
  message->head_bytes = before + scanned;
  if (message->head_bytes > KS_HEAD_BYTES_MAX) {
    captured = before < KS_HEAD_BYTES_MAX ? KS_HEAD_BYTES_MAX - before : 0;
    if (before <= KS_HEAD_BYTES_MAX) {
      flags |= KS_HEAD_CUT;
      ks_count(KS_COUNT_HEAD_CUT);
    }
    /* So that it does not wrap in an endless head. */
    message->head_bytes = KS_HEAD_BYTES_MAX + 1;
  }
  if (has_end && captured == scanned) flags |= KS_HEAD_END;

  ks_u32 next = offset + scanned;
  if (has_end) {
    if (work->is_candidate && work->candidate_phase == KS_PHASE_BODY) {
      next = bytes; /* the caller goes on counting the body */
    } else {
      ks_end_head(socket, message);
      message->body_period = ks_body_period(work->fixed.header.ts_ns);
      const ks_u32 body = next;
      next += ks_take_body(message, bytes - next);
      if (message->phase == KS_PHASE_UNFRAMED && body < bytes) ks_read_tail(work, message, body);
    }
  } else if (got < want) {
    flags |= KS_HEAD_CUT;
    ks_count(KS_COUNT_HEAD_CUT);
    ks_count(KS_COUNT_READ_FAILED);
    message->phase = KS_PHASE_UNFRAMED;
    next = bytes;
  } else {
    ks_save_carry(message, work->window, scan);
  }

  bool has_more = next < bytes && socket->protocol < KS_PROTOCOL_GIVEN_UP;
  if (has_more && index + 1 >= KS_PIECES_MAX) {
    ks_count(KS_COUNT_TOO_MANY_PIECES);
    message->phase = KS_PHASE_UNFRAMED;
    message->tail = 0;
    has_more = false;
  }
  work->offset = next;
  if (has_more) flags |= KS_MORE_PIECES;
  if (captured != 0 || has_end || flags & KS_HEAD_CUT) {
    socket->is_reported = 1;
    ks_send_record(work, offset, captured, flags);
    work->owes_record = has_more;
  } else if (!work->owes_record) {
    ks_count(KS_COUNT_BODY); /* more of a head that was cut */
  }
  return !has_more;
}

static long ks_next_piece(ks_u32 index, struct ks_pass* pass) {
  int done = ks_take_piece(pass->work, pass->socket, index);
  /* The compiler knows that it is 0 or 1, the verifier does not ("At callback return the register
   * R0 has ... should have been in [0, 1]"). */
  asm volatile("" : "+r"(done));
  return done != 0;
}

/* True if the transfer begins with what can only be a message start. */
static __always_inline bool ks_begins_message(struct ks_scratch* work,
                                              const struct ks_socket* socket) {
  if (!work->has_source) return false;
  const ks_u32 bytes = work->fixed.transfer_bytes;
  const ks_u32 got =
      ks_copy_user(work, KS_DATA, 0, bytes < KS_START_BYTES ? bytes : KS_START_BYTES);
  struct ks_head head = {};
  const enum ks_start start = ks_judge_start(work, KS_DATA, KS_DATA + got, &head);
  return start != KS_START_MAYBE && ks_start_fits(socket, work->fixed.direction & 1, start);
}

/* A transfer that begins within a counted body. Returns true if that is all there is to it. */
static __always_inline bool ks_follow_body(struct ks_scratch* work, struct ks_socket* socket,
                                           struct ks_message* message) {
  const bool begins_message = ks_begins_message(work, socket);
  if (begins_message) {
    /* Either the body quotes a message, or the head was misjudged: user space decides, the count
     * goes on. */
    const ks_u64 body_left = message->body_left;
    work->is_candidate = 1;
    work->candidate_phase = KS_PHASE_BODY;
    ks_take_piece(work, socket, 0);
    message->phase = KS_PHASE_BODY;
    message->body_left = body_left;
    work->is_candidate = 0;
  }
  work->offset = ks_take_body(message, work->fixed.transfer_bytes);
  if (message->phase == KS_PHASE_BODY) {
    work->owes_record = ks_body_is_due(message, message->body_left, work->fixed.transfer_bytes,
                                       work->fixed.header.ts_ns);
    if (!work->owes_record) ks_count(KS_COUNT_BODY);
    /* From its first byte, unless that was said: what lies between two records must stay below
     * 2 GiB, and a single transfer can be that long. */
    if (!begins_message) work->offset = 0;
    return true;
  }
  work->owes_record = 1; /* this is when the message ended */
  return work->offset >= work->fixed.transfer_bytes;
}

static __always_inline void ks_take_pieces(struct ks_scratch* work, struct ks_socket* socket) {
  /* Nearly always one is enough, and a call costs less than a loop. */
  if (ks_take_piece(work, socket, 0)) return;
  struct ks_pass pass = {.work = work, .socket = socket};
  bpf_loop(KS_PIECES_MAX, ks_next_piece, &pass, 0);
}

/* The transfer's bytes, by the phase that its direction is in. `reason`: why there is no buffer, or
 * -1. */
__noinline int ks_follow(struct ks_scratch* work, struct ks_socket* socket, int reason) {
  if (!work || !socket) return 0;
  struct ks_message* message = &socket->messages[work->fixed.direction & 1];
  work->offset = 0;
  work->owes_record = 0;
  work->is_candidate = 0;
  work->candidate_phase = KS_PHASE_START;
  ks_u32 flags = 0;

  if (message->phase == KS_PHASE_BODY && ks_follow_body(work, socket, message)) {
    /* No head to look for. */
  } else if (message->phase == KS_PHASE_UNFRAMED) {
    work->owes_record = 1;
    if (ks_begins_message(work, socket)) {
      const ks_u64 tail = message->tail;
      work->is_candidate = 1;
      work->candidate_phase = KS_PHASE_UNFRAMED;
      message->phase = KS_PHASE_START;
      ks_take_pieces(work, socket);
      if (work->owes_record && work->offset == 0) message->tail = tail;
    }
  } else if (reason >= 0) {
    ks_count(reason);
    if (message->phase == KS_PHASE_HEAD && socket->is_reported) {
      flags = KS_HEAD_CUT;
      ks_count(KS_COUNT_HEAD_CUT);
    }
    ks_lose_place(work, socket, message);
  } else {
    ks_take_pieces(work, socket);
  }
  if (work->owes_record) ks_send_unseen(work, message, flags);
  return 0;
}

static __always_inline void ks_set_fixed(struct ks_transfer_event* event, struct sock* sk,
                                         const struct ks_socket* socket, struct task_struct* task,
                                         const struct pt_regs* regs, ks_u32 direction) {
  event->header.ts_ns = bpf_ktime_get_ns();
  event->header.kind = KS_EVENT_TRANSFER;
  event->socket_cookie = socket->cookie;
  event->goroutine = regs ? regs->r14 : 0;
  event->turn = ks_turn_of(task);
  event->tgid = task->tgid;
  event->tid = task->pid;
  event->flags = (socket->is_from_first ? 0 : KS_MIDSTREAM) | (shed_step & KS_SHED_STEP_MAX)
                                                                  << KS_SHED_STEP_SHIFT;
  event->direction = direction;
  event->tail_bytes = 0;
  *(ks_u64*)event->tail = 0;
  ks_set_addresses(event, sk);
}

/* Every transfer on every socket of the node comes through here: whatever is not ours must leave
 * early. `ret` is what the system call returned, `flags` its flags (receive only). */
static __always_inline void on_transfer(struct sock* sk, int ret, int flags, ks_u32 direction,
                                        ks_u32 slot) {
  if (ret < 0 || (ret == 0 && direction == KS_SEND)) return;
  if (!ks_is_tcp(sk)) {
    if (direction == KS_RECV && ret > 0) ks_read_unfollowed();
    return;
  }
  /* Urgent data and the error queue are not the stream. */
  if (flags & (KS_MSG_OOB | KS_MSG_ERRQUEUE)) return;
  /* A first transfer of nothing is the end of a stream that nobody followed. */
  struct ks_socket* socket =
      ret == 0 ? bpf_sk_storage_get(&sockets, sk, 0, 0) : KS_MAKE_SOCKET_STORAGE(sockets, sk);
  if (!socket) {
    if (ret != 0) ks_count(KS_COUNT_NO_STORAGE);
    return;
  }
  if (socket->protocol == KS_PROTOCOL_GIVEN_UP) {
    if (direction == KS_RECV && ret > 0) ks_read_unfollowed();
    return;
  }
  if (flags & KS_MSG_PEEK) {
    ks_count(KS_COUNT_PEEK);
    return;
  }
  struct ks_message* message = &socket->messages[direction];
  if (ret == 0 &&
      ((socket->protocol != KS_PROTOCOL_HTTP1 && socket->protocol != KS_PROTOCOL_HTTP2) ||
       message->saw_eof || !(sk->sk_shutdown & KS_RCV_SHUTDOWN)))
    return;
  struct tcp_sock* tcp = bpf_skc_to_tcp_sock(sk);
  struct ks_scratch* work = bpf_map_lookup_elem(&scratch, &slot);
  if (!tcp || !work) return;

  const ks_u32 seq = ks_first_seq(sk, tcp, ret, direction);
  if (!socket->is_known) {
    socket->is_known = 1;
    socket->cookie = bpf_get_socket_cookie(sk);
    if ((bpf_get_current_pid_tgid() >> 32) == agent_tgid) {
      ks_count(KS_COUNT_IGNORED);
      socket->protocol = KS_PROTOCOL_GIVEN_UP;
      return;
    }
    if (!socket->is_from_first) socket->is_from_first = ks_is_first_byte(tcp, seq, direction);
  }
  if (ks_is_shed(sk, socket, direction)) {
    if (direction == KS_RECV && ret > 0) ks_read_unfollowed();
    return;
  }
  struct task_struct* task = bpf_get_current_task_btf();
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(task);
  ks_set_fixed(&work->fixed, sk, socket, task, regs, direction);
  work->fixed.tcp_seq = seq;
  work->fixed.transfer_bytes = ret;
  if (ret == 0) {
    message->saw_eof = 1;
    if (socket->protocol == KS_PROTOCOL_HTTP2)
      ks_http2_end(work, sk);
    else
      ks_send_record(work, 0, 0, KS_EOF);
    return;
  }
  if (ks_check_sequence(message, seq)) ks_count(KS_COUNT_SEQUENCE_GAP);
  message->next_seq = seq + ret;
  if (socket->is_from_first && !message->has_next_seq) work->fixed.flags |= KS_STREAM_START;
  message->has_next_seq = 1;

  int reason = ks_find_source(&work->source, task, regs);
  /* A TCP receive with MSG_TRUNC throws the bytes away. */
  if (reason < 0 && flags & KS_MSG_TRUNC) reason = KS_COUNT_NO_BUFFER_SYSCALL;
  work->has_source = reason < 0;
  ks_u32 begin = KS_HTTP2_BEGINS_ANYWHERE;
  const ks_u8 protocol = socket->protocol;
  if (protocol != KS_PROTOCOL_HTTP1)
    ks_http2_begin_walk(&work->http2, seq, ret, ks_body_period(work->fixed.header.ts_ns));
  if (protocol == KS_PROTOCOL_UNKNOWN && work->has_source) begin = ks_http2_recognise(work, socket);
  if (protocol < KS_PROTOCOL_SWITCHED && begin == KS_HTTP2_BEGINS_ANYWHERE) {
    ks_follow(work, socket, reason);
    if (socket->protocol != KS_PROTOCOL_SWITCHED || work->offset >= (ks_u32)ret) return;
    /* Behind the head of a 101 response. */
    ks_http2_begin_walk(&work->http2, seq, ret, ks_body_period(work->fixed.header.ts_ns));
    work->http2.position = work->offset;
  }
  ks_follow_http2(work, socket, sk, begin, reason);
}

#endif
