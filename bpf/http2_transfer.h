/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The walk over one transfer of HTTP/2 frames: where it is, what it has at hand, and what it needs. Pure:
 * the driver copies user memory and sends records (bpf/http2.bpf.h, and the unit tests with memcpy).
 */
#ifndef KERNSPAN_BPF_HTTP2_TRANSFER_H
#define KERNSPAN_BPF_HTTP2_TRANSFER_H

#include "bpf/abi/events.h"
#include "bpf/http1_head.h"

enum {
  /* What is read at a time at most: all of a transfer of small requests or responses, so that their
   * header blocks need not be read again. A power of two. */
  KS_HTTP2_INPUT_BYTES = 1024,
  /* What is read where frames are long: not much in vain before a payload. */
  KS_HTTP2_SHORT_INPUT_BYTES = 256,
  /* Where in the window the items stand, and where what was read. */
  KS_HTTP2_ITEMS = sizeof(struct ks_transfer_event),
  KS_HTTP2_INPUT = KS_WINDOW_BYTES + KS_WINDOW_SLACK_BYTES - KS_CAPTURE_BYTES_MAX,
};

KS_STATIC_ASSERT(KS_HTTP2_INPUT >= (ks_u32)KS_HTTP2_ITEMS + KS_CAPTURE_BYTES_MAX);

enum ks_http2_need {
  KS_HTTP2_NEED_NOTHING, /* go on */
  KS_HTTP2_NEED_INPUT,   /* copy read_bytes bytes of the transfer, from read_at on, to the window at
                          * KS_HTTP2_INPUT; then ks_http2_has_read() */
  KS_HTTP2_NEED_COPY, /* copy copy_bytes bytes, from `position` on, to the window at copy_to; then
                          * ks_http2_has_copied() */
  KS_HTTP2_NEED_ROOM, /* send the items, of which more follow; then set item_bytes to 0 */
  KS_HTTP2_DONE,
};

enum ks_http2_end {
  KS_HTTP2_END_OF_TRANSFER = 0,
  KS_HTTP2_END_BROKEN,     /* what stands here is no frame: place lost */
  KS_HTTP2_END_UNREADABLE, /* place lost */
  KS_HTTP2_END_REFUSED,    /* the direction does not begin as HTTP/2 does: it is something else */
  KS_HTTP2_END_NOT_FOUND,  /* the place is still unknown */
};

/* The walk over one transfer. */
struct ks_http2_walk {
  ks_u32 seq;      /* of the transfer's first byte */
  ks_u32 bytes;    /* the transfer's */
  ks_u32 position; /* the next byte to look at */
  ks_u32 read_at;
  ks_u32 read_bytes;
  ks_u32 input_at; /* what the input holds */
  ks_u32 input_bytes;
  ks_u32 item_bytes; /* of items in the window */
  ks_u32 item_at;    /* where in the window the item that is being copied stands */
  ks_u32 copy_to;
  ks_u32 copy_bytes;
  ks_u32 next_header; /* of the search: where the next header to judge stands */
  ks_u32 last_stream; /* of the search: that of the header before, and its unfinished block */
  ks_u32 open_block;
  ks_u32 cut_blocks; /* how often, in this transfer */
  ks_u32 untracked_streams;
  ks_u32 lost_messages;
  ks_u16 period;    /* now */
  ks_u8 end;        /* enum ks_http2_end */
  ks_u8 headers;    /* of the search: how many looked right */
  ks_u8 first_type; /* of the search */
  ks_u8 first_flags;
  ks_u8 is_over; /* for the driver: the last step was made */
  ks_u8 reserved;
};

static inline __attribute__((always_inline)) void ks_http2_begin_walk(struct ks_http2_walk* walk,
                                                                      ks_u32 seq, ks_u32 bytes,
                                                                      ks_u16 period) {
  const struct ks_http2_walk empty = {};
  *walk = empty;
  walk->seq = seq;
  walk->bytes = bytes;
  walk->period = period;
}

static inline __attribute__((always_inline)) int ks_http2_holds(const struct ks_http2_walk* walk,
                                                                ks_u32 at, ks_u32 bytes) {
  return at >= walk->input_at && at - walk->input_at + bytes <= walk->input_bytes;
}

/* The window position of a byte that the input holds. */
static inline __attribute__((always_inline)) ks_u32 ks_http2_input(const struct ks_http2_walk* walk,
                                                                   ks_u32 at) {
  return KS_HTTP2_INPUT + ((at - walk->input_at) & (KS_HTTP2_INPUT_BYTES - 1));
}

/* Asks for the bytes from `at` on. Returns 0 if that was done in vain already. */
static inline __attribute__((always_inline)) int ks_http2_ask(struct ks_http2_walk* walk,
                                                              ks_u32 at) {
  if (walk->read_bytes != 0 && walk->read_at == at) return 0;
  const ks_u32 left = walk->bytes - at;
  const ks_u32 passed = at - walk->input_at;
  /* Frames that end soon behind what was read are small, and so will be the next ones. */
  const int is_dense = walk->input_bytes != 0 && passed < 2 * KS_HTTP2_SHORT_INPUT_BYTES;
  walk->read_at = at;
  walk->read_bytes = left;
  if (left > KS_HTTP2_INPUT_BYTES)
    walk->read_bytes = is_dense ? KS_HTTP2_INPUT_BYTES : KS_HTTP2_SHORT_INPUT_BYTES;
  return 1;
}

static inline __attribute__((always_inline)) void ks_http2_has_read(struct ks_http2_walk* walk,
                                                                    ks_u32 got) {
  walk->input_at = walk->read_at;
  walk->input_bytes = got;
}

/* Does what KS_HTTP2_NEED_COPY asks for, out of the input; returns 0 (and has done nothing) if that does
 * not hold it. Whole words: up to seven bytes behind the copy are overwritten, and come from behind what
 * is copied. */
static inline __attribute__((always_inline)) int ks_http2_copy_input(
    const struct ks_http2_walk* walk, ks_u8* window) {
  const ks_u32 bytes = walk->copy_bytes, to = walk->copy_to;
  if (!ks_http2_holds(walk, walk->position, bytes)) return 0;
  const ks_u32 from = walk->position - walk->input_at;
  for (ks_u32 at = 0; at < KS_HTTP2_INPUT_BYTES; at += 8) {
    if (at >= bytes) break;
    ks_store64(window + ((to + at) & KS_WINDOW_MASK),
               ks_load64(window + KS_HTTP2_INPUT + ((from + at) & (KS_HTTP2_INPUT_BYTES - 1))));
  }
  return 1;
}

static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_stop(
    struct ks_http2_walk* walk, enum ks_http2_end end) {
  walk->end = (ks_u8)end;
  return KS_HTTP2_DONE;
}

static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_await_input(
    struct ks_http2_walk* walk, ks_u32 at) {
  if (ks_http2_ask(walk, at)) return KS_HTTP2_NEED_INPUT;
  return ks_http2_stop(walk, KS_HTTP2_END_UNREADABLE);
}

#endif
