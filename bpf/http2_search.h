/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Where HTTP/2 frames begin: on a socket of unknown protocol, in a direction that is new, and after the
 * place in a direction was lost. Pure: no BPF helpers.
 */
#ifndef KERNSPAN_BPF_HTTP2_SEARCH_H
#define KERNSPAN_BPF_HTTP2_SEARCH_H

#include "bpf/http2_frame.h"
#include "bpf/http2_state.h"
#include "bpf/http2_transfer.h"
#include "bpf/message_state.h"

enum {
  /* Consecutive frame headers in a transfer that are taken for proof. */
  KS_HTTP2_HEADERS_BELIEVED = 3,
  /* ks_http2_preface_before(): the direction is in something else. */
  KS_HTTP2_NO_PREFACE = 0xff,
};

static inline __attribute__((always_inline)) void ks_http2_lose_place(
    struct ks_http2_direction* d) {
  d->phase = KS_HTTP2_PHASE_SEARCH;
  d->mark = 0;
  d->header_bytes = 0;
  d->open_block = 0;
  d->is_first = 0;
  d->is_tentative = 0;
  /* Whatever was open may have gone on unseen. */
  for (int i = 0; i < KS_HTTP2_STREAMS_MAX; i++) d->streams[i].id = 0;
  d->strays = 0;
}

/* The next byte is the first of a frame. `mark`: KS_HTTP2_START or KS_HTTP2_JOINED. */
static inline __attribute__((always_inline)) void ks_http2_set_place(struct ks_http2_direction* d,
                                                                     ks_u32 seq, ks_u8 mark) {
  d->phase = KS_HTTP2_PHASE_HEADER;
  d->header_bytes = 0;
  d->mark = mark;
  d->mark_seq = seq;
  d->is_first = mark == KS_HTTP2_START;
  d->is_tentative = 0;
  d->open_block = 0;
  d->stream = 0;
}

enum ks_http2_place {
  KS_HTTP2_PLACE_AGAIN,   /* as KS_HTTP2_NEED_NOTHING */
  KS_HTTP2_PLACE_ASK,     /* as KS_HTTP2_NEED_INPUT, then again */
  KS_HTTP2_PLACE_NO,      /* the transfer does not begin with a frame header */
  KS_HTTP2_PLACE_PARTIAL, /* it does, as far as one can see; the frame ends in another transfer */
  KS_HTTP2_PLACE_LIKELY, /* the frame is all that there is in it; or another one follows, which ends in
                           * another transfer */
  KS_HTTP2_PLACE_FOUND, /* it begins with three frames, or consists of two */
};

/* Judges whether the transfer begins with frames. */
static inline __attribute__((always_inline)) enum ks_http2_place ks_http2_find_place(
    struct ks_http2_walk* walk, const ks_u8* window) {
  const ks_u32 at = walk->next_header;
  if (walk->bytes < KS_HTTP2_HEADER_BYTES) return KS_HTTP2_PLACE_NO;
  if (!ks_http2_holds(walk, at, KS_HTTP2_HEADER_BYTES))
    return ks_http2_ask(walk, at) ? KS_HTTP2_PLACE_ASK : KS_HTTP2_PLACE_NO;
  const ks_u32 in = ks_http2_input(walk, at);
  const struct ks_http2_frame frame =
      ks_http2_parse(ks_load64(window + in), window[in + KS_HTTP2_HEADER_BYTES - 1]);
  if (!ks_http2_is_plausible(&frame, walk->last_stream) ||
      !ks_http2_may_follow(&frame, walk->open_block))
    return KS_HTTP2_PLACE_NO;
  if (walk->headers == 0) {
    walk->first_type = frame.type;
    walk->first_flags = frame.flags;
  }
  walk->headers++;
  if (walk->headers >= KS_HTTP2_HEADERS_BELIEVED) return KS_HTTP2_PLACE_FOUND;
  const ks_u32 end = at + KS_HTTP2_HEADER_BYTES + frame.length;
  if (end > walk->bytes || walk->bytes - end < KS_HTTP2_HEADER_BYTES) {
    if (walk->headers == 1)
      return end == walk->bytes ? KS_HTTP2_PLACE_LIKELY : KS_HTTP2_PLACE_PARTIAL;
    return end == walk->bytes ? KS_HTTP2_PLACE_FOUND : KS_HTTP2_PLACE_LIKELY;
  }
  walk->last_stream = frame.stream;
  walk->open_block = ks_http2_open_block(&frame);
  walk->next_header = end;
  return KS_HTTP2_PLACE_AGAIN;
}

static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step_search(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, const ks_u8* window) {
  switch (ks_http2_find_place(walk, window)) {
    case KS_HTTP2_PLACE_ASK:
      return KS_HTTP2_NEED_INPUT;
    case KS_HTTP2_PLACE_AGAIN:
      return KS_HTTP2_NEED_NOTHING;
    case KS_HTTP2_PLACE_LIKELY:
    case KS_HTTP2_PLACE_FOUND:
      ks_http2_set_place(d, walk->seq, KS_HTTP2_JOINED);
      return KS_HTTP2_NEED_NOTHING;
    case KS_HTTP2_PLACE_PARTIAL:
      ks_http2_set_place(d, walk->seq, 0);
      d->is_tentative = 2;
      return KS_HTTP2_NEED_NOTHING;
    default:
      walk->end = KS_HTTP2_END_NOT_FOUND;
      return KS_HTTP2_DONE;
  }
}

/* How many bytes of the preface may have come in earlier transfers of the direction: its first one or
 * two could have been those of a method of HTTP/1. */
static inline __attribute__((always_inline)) ks_u8
ks_http2_preface_before(const struct ks_message* message) {
  if (message->phase != KS_PHASE_HEAD) return 0;
  const ks_u8* end = message->carry + KS_CARRY_BYTES;
  if (message->is_decided || message->carry_is_cut) return KS_HTTP2_NO_PREFACE;
  if (message->head_bytes == 1 && end[-1] == 'P') return 1;
  if (message->head_bytes == 2 && end[-2] == 'P' && end[-1] == 'R') return 2;
  return KS_HTTP2_NO_PREFACE;
}

/* How the transfer begins in a direction that is NEW. */
enum ks_http2_begin {
  KS_HTTP2_BEGINS_ANYWHERE = 0,
  KS_HTTP2_BEGINS_PREFACE, /* with the client's connection preface */
  KS_HTTP2_BEGINS_FRAMES,  /* with the first frame of all */
  KS_HTTP2_BEGINS_JOINED,  /* with some frame */
};

/* What the place that ks_http2_find_place() found means for a socket of unknown protocol. */
static inline __attribute__((always_inline)) enum ks_http2_begin ks_http2_judge_place(
    const struct ks_http2_walk* walk, struct ks_socket* socket, enum ks_http2_place place,
    int is_stream_start) {
  const int is_likely = place == KS_HTTP2_PLACE_LIKELY || place == KS_HTTP2_PLACE_FOUND;
  if (socket->is_from_first) {
    const int is_settings =
        walk->first_type == KS_HTTP2_TYPE_SETTINGS && !(walk->first_flags & KS_HTTP2_ACK);
    return is_likely && is_stream_start && is_settings ? KS_HTTP2_BEGINS_FRAMES
                                                       : KS_HTTP2_BEGINS_ANYWHERE;
  }
  if (place == KS_HTTP2_PLACE_FOUND) return KS_HTTP2_BEGINS_JOINED;
  /* Half a proof. */
  const int is_second = socket->is_likely_http2 != 0;
  socket->is_likely_http2 = is_likely ? 1 : 0;
  return is_likely && is_second ? KS_HTTP2_BEGINS_JOINED : KS_HTTP2_BEGINS_ANYWHERE;
}

/* How a direction begins on a socket that is known to speak HTTP/2, as the other direction said it or
 * a 101 response. `matched`: ks_http2_preface_before(). */
static inline __attribute__((always_inline)) enum ks_http2_begin ks_http2_expect(
    const struct ks_socket* socket, ks_u32 direction, int is_stream_start, ks_u8 matched) {
  if (socket->role == KS_ROLE_UNKNOWN) return KS_HTTP2_BEGINS_ANYWHERE;
  const int is_client = (socket->role == KS_ROLE_CLIENT) == (direction == KS_SEND);
  if (is_client && matched != 0 && matched != KS_HTTP2_NO_PREFACE) return KS_HTTP2_BEGINS_PREFACE;
  if (!is_stream_start && !socket->was_switched) return KS_HTTP2_BEGINS_ANYWHERE;
  return is_client ? KS_HTTP2_BEGINS_PREFACE : KS_HTTP2_BEGINS_FRAMES;
}

#endif
