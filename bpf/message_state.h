/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Where in its messages each direction of an HTTP/1 connection stands. Pure: no BPF helpers.
 *
 *   START:    the next byte should be the first of a message
 *   HEAD:     inside a head; its bytes are sent
 *   BODY:     `body_left` bytes of a body to come, which are only counted
 *   UNFRAMED: in a body of unknown length (chunked, or until close), or lost. Left when a chunked
 *             body's last bytes are seen, or a transfer begins with a whole start line.
 *
 *   START -> HEAD -> BODY | UNFRAMED | START -> ...
 */
#ifndef KERNSPAN_BPF_MESSAGE_STATE_H
#define KERNSPAN_BPF_MESSAGE_STATE_H

#include "bpf/http1_head.h"

enum ks_message_phase {
  KS_PHASE_START = 0,
  KS_PHASE_HEAD = 1,
  KS_PHASE_BODY = 2,
  KS_PHASE_UNFRAMED = 3,
};

/* One direction of one socket. Only transfers of that direction change it. */
struct ks_message {
  ks_u64 body_left;
  ks_u64 tail; /* the last eight bytes of the unframed body, the latest in the highest byte */
  struct ks_head head;
  ks_u32 next_seq;   /* sequence number that the next transfer should begin with */
  ks_u32 head_bytes; /* of the head in progress */
  ks_u8 phase;       /* enum ks_message_phase */
  ks_u8 is_decided;  /* the head in progress was recognised as request or response */
  ks_u8 has_next_seq;
  ks_u8 saw_eof;
  ks_u8 carry_line;   /* bytes of the head's unfinished line that stand at the end of carry[] */
  ks_u8 carry_is_cut; /* the line is longer than carry[] */
  ks_u16 body_period; /* when its head or a record of it was last sent: ks_body_is_due() */
  ks_u8 carry[KS_CARRY_BYTES];
};

enum ks_protocol {
  KS_PROTOCOL_UNKNOWN = 0,
  KS_PROTOCOL_HTTP1 = 1,
  KS_PROTOCOL_GIVEN_UP = 2,
  /* A 101 response ended HTTP/1. What follows is HTTP/2, or is given up. */
  KS_PROTOCOL_SWITCHED = 3,
  KS_PROTOCOL_HTTP2 = 4,
};

enum ks_role {
  KS_ROLE_UNKNOWN = 0,
  KS_ROLE_CLIENT = 1,
  KS_ROLE_SERVER = 2,
};

enum {
  /* Requests that may await their responses with their methods remembered; two bits each. */
  KS_METHOD_QUEUE_MAX = 32,
  /* A socket older than the agent is given up after so many transfers without a start. */
  KS_MIDSTREAM_TRANSFERS_MAX = 32,
};

struct ks_socket {
  /* A queue between the two directions: each of the two indices is written by one of them only. */
  ks_u64 methods;
  ks_u8 methods_in;
  ks_u8 methods_out;
  ks_u8 protocol;                /* enum ks_protocol */
  ks_u8 role;                    /* enum ks_role */
  ks_u8 is_known;                /* the fields here were set up */
  ks_u8 is_from_first;           /* followed from its first byte */
  ks_u8 attempts;                /* transfers without a start */
  ks_u8 is_reported;             /* user space heard of it, and is to hear of its end */
  ks_u64 cookie;                 /* set when is_known */
  ks_u32 policy_version;         /* of the policy that was asked last */
  ks_u32 policy_tgid;            /* for whom; 0: nobody yet */
  struct ks_message messages[2]; /* by enum ks_direction */
  ks_u8 is_likely_http2;         /* the last transfer looked like it */
  ks_u8 was_switched;            /* a 101 response ended HTTP/1 */
  ks_u8 is_connector;            /* opened from this side; only where is_from_first */
  ks_u8 has_randomness;
  ks_u32 is_shed;
  ks_u64 randomness; /* of the connection (abi/shed.h); set when has_randomness */
};

KS_STATIC_ASSERT(sizeof(struct ks_head) == 16);
KS_STATIC_ASSERT(sizeof(struct ks_message) == 96);

/* What is to become of a socket that shows something else than HTTP/1. */
static inline __attribute__((always_inline)) int ks_should_give_up(struct ks_socket* socket) {
  if (socket->is_from_first) return 1;
  if (socket->attempts < KS_MIDSTREAM_TRANSFERS_MAX) socket->attempts++;
  return socket->attempts >= KS_MIDSTREAM_TRANSFERS_MAX;
}

/* Whether a start of this kind may come in this direction on a socket of this role. */
static inline __attribute__((always_inline)) int ks_start_fits(const struct ks_socket* socket,
                                                               ks_u32 direction,
                                                               enum ks_start start) {
  if (start == KS_START_NO) return 0;
  if (start == KS_START_MAYBE || socket->role == KS_ROLE_UNKNOWN) return 1;
  const int sends_requests = socket->role == KS_ROLE_CLIENT;
  return (start == KS_START_REQUEST) == (sends_requests == (direction == KS_SEND));
}

/* The start line of a message is complete: the socket speaks HTTP/1, and this is its role. */
static inline __attribute__((always_inline)) void ks_confirm(struct ks_socket* socket,
                                                             ks_u32 direction, int is_response) {
  socket->protocol = KS_PROTOCOL_HTTP1;
  socket->role = (is_response != 0) == (direction == KS_SEND) ? KS_ROLE_SERVER : KS_ROLE_CLIENT;
}

static inline __attribute__((always_inline)) void ks_push_method(struct ks_socket* socket,
                                                                 ks_u8 method) {
  const ks_u8 in = socket->methods_in;
  const ks_u32 shift = 2u * (in % KS_METHOD_QUEUE_MAX);
  socket->methods = (socket->methods & ~(3ULL << shift)) | (ks_u64)(method & 3u) << shift;
  socket->methods_in = (ks_u8)(in + 1);
}

/* The method of the oldest request without a response; KS_METHOD_OTHER if there is none. */
static inline __attribute__((always_inline)) ks_u8 ks_pop_method(struct ks_socket* socket) {
  const ks_u8 out = socket->methods_out;
  if (out == socket->methods_in) return KS_METHOD_OTHER;
  socket->methods_out = (ks_u8)(out + 1);
  return (ks_u8)(socket->methods >> (2u * (out % KS_METHOD_QUEUE_MAX)) & 3u);
}

/* The head is complete: decides what follows it (RFC 9112 section 6.3). Sets the phase, or gives
 * the socket up when it stops speaking HTTP/1 (tunnel), or says that it does (upgrade). */
static inline __attribute__((always_inline)) void ks_end_head(struct ks_socket* socket,
                                                              struct ks_message* message) {
  const struct ks_head* head = &message->head;
  message->phase = KS_PHASE_START;
  message->body_left = 0;
  message->tail = 0;
  if (head->is_response) {
    if (head->status == 101) {
      socket->protocol = KS_PROTOCOL_SWITCHED;
      socket->was_switched = 1;
      return;
    }
    if (head->status < 200) return; /* the final response is still to come */
    const ks_u8 method = ks_pop_method(socket);
    if (method == KS_METHOD_CONNECT && head->status < 300) {
      socket->protocol = KS_PROTOCOL_GIVEN_UP;
      return;
    }
    if (method == KS_METHOD_HEAD || head->status == 204 || head->status == 304) return;
  } else {
    ks_push_method(socket, head->method);
  }
  if (head->has_transfer_encoding || head->has_bad_length) {
    message->phase = KS_PHASE_UNFRAMED;
  } else if (head->has_content_length) {
    message->body_left = head->content_length;
    if (head->content_length != 0) message->phase = KS_PHASE_BODY;
  } else if (head->is_response) {
    message->phase = KS_PHASE_UNFRAMED;
  }
}

static inline __attribute__((always_inline)) void ks_begin_head(struct ks_message* message) {
  const struct ks_head empty = {};
  message->phase = KS_PHASE_HEAD;
  message->head = empty;
  message->head_bytes = 0;
  message->is_decided = 0;
  message->carry_line = 0;
  message->carry_is_cut = 0;
}

/* Takes up to `bytes` bytes as body; returns how many of them belong to it. */
static inline __attribute__((always_inline)) ks_u32 ks_take_body(struct ks_message* message,
                                                                 ks_u32 bytes) {
  if (message->phase == KS_PHASE_UNFRAMED) return bytes;
  if (message->phase != KS_PHASE_BODY) return 0;
  if (message->body_left > bytes) {
    message->body_left -= bytes;
    return bytes;
  }
  const ks_u32 taken = (ks_u32)message->body_left;
  message->body_left = 0;
  message->phase = KS_PHASE_START;
  return taken;
}

/* Units of 34 s. */
static inline __attribute__((always_inline)) ks_u16 ks_body_period(ks_u64 now_ns) {
  return (ks_u16)(now_ns >> 35);
}

/* Whether a transfer inside a counted body, of which `body_left` bytes are left behind it, must be
 * sent although it is only counted: once in each GiB, because user space tells the bytes between
 * two records by their sequence numbers, and once in each 34 s of transfers, because a body that
 * moves must not time out. */
static inline __attribute__((always_inline)) int ks_body_is_due(struct ks_message* message,
                                                                ks_u64 body_left, ks_u32 bytes,
                                                                ks_u64 now_ns) {
  const ks_u16 period = ks_body_period(now_ns);
  const int is_due = period != message->body_period || (body_left + bytes) >> 30 != body_left >> 30;
  message->body_period = period;
  return is_due;
}

/* Holds the transfer's first sequence number against the last one's end. Bytes that went by unseen
 * (splice, a hook that did not run) are taken off a counted body; otherwise the place is lost.
 * Returns 1 if there was a gap. */
static inline __attribute__((always_inline)) int ks_check_sequence(struct ks_message* message,
                                                                   ks_u32 seq) {
  if (!message->has_next_seq || message->next_seq == seq) return 0;
  const ks_u32 unseen = seq - message->next_seq;
  if (message->phase == KS_PHASE_BODY && (ks_s32)unseen > 0 && unseen <= message->body_left) {
    ks_take_body(message, unseen);
  } else {
    message->phase = KS_PHASE_UNFRAMED;
    message->tail = 0;
  }
  return 1;
}

/* Adds the last `count` (at most 8) bytes of a transfer, in the low bytes of `last` in their order,
 * to the running tail. */
static inline __attribute__((always_inline)) ks_u64 ks_join_tail(ks_u64 tail, ks_u64 last,
                                                                 ks_u32 count) {
  if (count == 0) return tail;
  if (count >= 8) return last;
  return tail >> (8 * count) | last << (64 - 8 * count);
}

/* True if the body's last bytes are the last chunk with no trailer fields: newline, "0", CRLF,
 * CRLF; or just these five bytes, as the first of the body (an empty one). */
static inline __attribute__((always_inline)) int ks_ends_chunked(ks_u64 tail) {
  return tail >> 24 == (KS_TEXT8('0', '\r', '\n', '\r', '\n', 0, 0, 0)) &&
         ((ks_u8)(tail >> 16) == '\n' || (ks_u8)(tail >> 16) == 0);
}

#endif
