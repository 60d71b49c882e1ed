/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The walk over the frames of one direction of an HTTP/2 connection (RFC 9113): what of them becomes
 * items (bpf/abi/http2_items.h), and what is skipped. Pure: no BPF helpers; bpf/http2.bpf.h and the unit
 * tests drive it. Its states are those of a direction (bpf/http2_state.h).
 *
 * The walk of a transfer goes in steps. A step does a bounded piece of work and says what it needs;
 * all of its state is in memory, so that the verifier sees it once. A step that cannot do its work
 * yet (bytes to read, no room for an item) has changed nothing.
 */
#ifndef KERNSPAN_BPF_HTTP2_WALK_H
#define KERNSPAN_BPF_HTTP2_WALK_H

#include "bpf/http2_capture.h"
#include "bpf/http2_data.h"
#include "bpf/http2_search.h"

/* What the frame means for the state of its stream, and what of it is to be captured. */
static inline __attribute__((always_inline)) void ks_http2_begin_payload(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, struct ks_http2_direction* other,
    const struct ks_http2_frame* frame) {
  const ks_u32 length = frame->length;
  switch (frame->type) {
    case KS_HTTP2_TYPE_DATA:
      d->awaits_pad = frame->flags & KS_HTTP2_PADDED ? 1 : 0;
      d->slot = ks_http2_find_stream(d, frame->stream);
      /* Seen first in the middle: its bytes show that it moves, its messages are not guessed. */
      if (d->slot == KS_HTTP2_STREAM_NONE && !(frame->flags & KS_HTTP2_END_STREAM))
        d->slot = ks_http2_open_stream(d, frame->stream, KS_HTTP2_NO_MESSAGES | KS_HTTP2_UNCOUNTED,
                                       walk->period);
      return;
    case KS_HTTP2_TYPE_HEADERS:
      d->slot = ks_http2_find_stream(d, frame->stream);
      if (d->slot == KS_HTTP2_STREAM_NONE && !(frame->flags & KS_HTTP2_END_STREAM)) {
        d->slot = ks_http2_open_stream(d, frame->stream, 0, walk->period);
        if (d->slot == KS_HTTP2_STREAM_NONE) walk->untracked_streams++;
      }
      d->block_bytes = 0;
      break;
    case KS_HTTP2_TYPE_PUSH_PROMISE:
      d->block_bytes = 0;
      break;
    case KS_HTTP2_TYPE_CONTINUATION:
      break;
    case KS_HTTP2_TYPE_RST_STREAM:
      ks_http2_free_stream(d, frame->stream);
      ks_http2_free_stream(other, frame->stream);
      ks_http2_begin_capture(d, length, length);
      return;
    case KS_HTTP2_TYPE_SETTINGS:
      ks_http2_begin_capture(d, length, KS_HTTP2_SETTINGS_BYTES_MAX);
      return;
    case KS_HTTP2_TYPE_GOAWAY:
      ks_http2_begin_capture(d, length, KS_HTTP2_GOAWAY_BYTES_MAX);
      return;
    default:
      return;
  }
  const ks_u32 before = d->block_bytes;
  const ks_u32 limit = before < KS_HEAD_BYTES_MAX ? KS_HEAD_BYTES_MAX - before : 0;
  ks_http2_begin_capture(d, length, limit);
  if (d->is_cut && before < KS_HEAD_BYTES_MAX) walk->cut_blocks++;
  d->block_bytes = before + KS_HTTP2_HEADER_BYTES + d->capture_left;
  if (d->is_cut) d->block_bytes = KS_HEAD_BYTES_MAX;
  /* Of a block without end only the end is of interest. */
  if (before >= KS_HEAD_BYTES_MAX && d->open_block != 0) d->is_captured = 0;
}

/* The frame header is complete. */
static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_begin_frame(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, struct ks_http2_direction* other) {
  const struct ks_http2_frame frame = ks_http2_parse(d->header, d->header_last);
  const int is_fine =
      d->is_tentative ? ks_http2_is_plausible(&frame, d->stream) : ks_http2_is_legal(&frame);
  if (d->is_first &&
      (!is_fine || frame.type != KS_HTTP2_TYPE_SETTINGS || frame.flags & KS_HTTP2_ACK))
    return ks_http2_stop(walk, KS_HTTP2_END_REFUSED);
  if (!is_fine || !ks_http2_may_follow(&frame, d->open_block))
    return ks_http2_stop(walk, d->is_tentative ? KS_HTTP2_END_NOT_FOUND : KS_HTTP2_END_BROKEN);
  if (d->is_tentative > 1) {
    d->is_tentative--;
  } else if (d->is_tentative && d->open_block == 0) {
    /* It is one. (A header block that has begun unseen can be joined only behind its end.) */
    ks_http2_set_place(d, d->frame_seq, KS_HTTP2_JOINED);
  }
  d->is_first = 0;
  d->phase = KS_HTTP2_PHASE_PAYLOAD;
  d->header_bytes = 0;
  d->type = frame.type;
  d->flags = frame.flags;
  d->stream = frame.stream;
  d->frame_length = frame.length;
  d->payload_left = frame.length;
  d->open_block = ks_http2_open_block(&frame);
  d->slot = KS_HTTP2_STREAM_NONE;
  d->capture_left = 0;
  d->is_captured = 0;
  d->is_cut = 0;
  d->awaits_pad = 0;
  d->pad_left = 0;
  d->empty_messages = 0;
  if (!d->is_tentative) ks_http2_begin_payload(walk, d, other, &frame);
  return KS_HTTP2_NEED_NOTHING;
}

static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step_header(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, struct ks_http2_direction* other,
    const ks_u8* window) {
  const ks_u32 at = walk->position;
  if (at >= walk->bytes) return KS_HTTP2_DONE;
  if (d->header_bytes == 0 && walk->bytes - at >= KS_HTTP2_HEADER_BYTES) {
    if (!ks_http2_holds(walk, at, KS_HTTP2_HEADER_BYTES)) return ks_http2_await_input(walk, at);
    const ks_u32 in = ks_http2_input(walk, at);
    d->header = ks_load64(window + in);
    d->header_last = window[in + KS_HTTP2_HEADER_BYTES - 1];
    d->frame_seq = walk->seq + at;
    walk->position = at + KS_HTTP2_HEADER_BYTES;
    return ks_http2_begin_frame(walk, d, other);
  }
  /* A header in pieces, byte by byte. */
  if (!ks_http2_holds(walk, at, 1)) return ks_http2_await_input(walk, at);
  const ks_u8 byte = window[ks_http2_input(walk, at)];
  walk->position = at + 1;
  if (d->header_bytes == 0) {
    d->frame_seq = walk->seq + at;
    d->header = 0;
  }
  if (d->header_bytes < KS_HTTP2_HEADER_BYTES - 1) {
    d->header |= (ks_u64)byte << (8 * (d->header_bytes & 7));
    d->header_bytes++;
    return KS_HTTP2_NEED_NOTHING;
  }
  d->header_last = byte;
  return ks_http2_begin_frame(walk, d, other);
}

static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step_preface(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, const ks_u8* window) {
  const ks_u32 at = walk->position;
  if (at >= walk->bytes) return KS_HTTP2_DONE;
  if (!ks_http2_holds(walk, at, 1)) return ks_http2_await_input(walk, at);
  if (window[ks_http2_input(walk, at)] != ks_http2_preface_byte(d->header_bytes))
    return ks_http2_stop(walk, KS_HTTP2_END_REFUSED);
  walk->position = at + 1;
  d->header_bytes++;
  if (d->header_bytes >= KS_HTTP2_PREFACE_BYTES)
    ks_http2_set_place(d, walk->seq + at + 1, KS_HTTP2_START);
  return KS_HTTP2_NEED_NOTHING;
}

static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step_payload(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, ks_u8* window) {
  if (d->type == KS_HTTP2_TYPE_DATA && !d->is_tentative) return ks_http2_step_data(walk, d, window);
  if (d->is_captured && (!d->is_frame_sent || d->capture_left != 0))
    return ks_http2_step_captured(walk, d, window);
  const ks_u32 left = walk->bytes - walk->position;
  if (d->payload_left != 0 && left == 0) return KS_HTTP2_DONE;
  const ks_u32 count = d->payload_left < left ? d->payload_left : left;
  d->payload_left -= count;
  walk->position += count;
  if (d->payload_left == 0) ks_http2_end_frame(d);
  return KS_HTTP2_NEED_NOTHING;
}

/* One step of the walk over a transfer. `window` has KS_WINDOW_BYTES + KS_WINDOW_SLACK_BYTES. */
static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step(
    struct ks_http2_walk* walk, struct ks_http2_socket* http2, ks_u32 direction, ks_u8* window) {
  struct ks_http2_direction* d = &http2->directions[direction & 1];
  struct ks_http2_direction* other = &http2->directions[~direction & 1];
  enum ks_http2_need need = KS_HTTP2_NEED_NOTHING;
  switch (d->phase) {
    case KS_HTTP2_PHASE_HEADER:
      need = ks_http2_step_header(walk, d, other, window);
      /* A small frame is one step. */
      if (need != KS_HTTP2_NEED_NOTHING || d->phase != KS_HTTP2_PHASE_PAYLOAD) return need;
      return ks_http2_step_payload(walk, d, window);
    case KS_HTTP2_PHASE_PAYLOAD:
      return ks_http2_step_payload(walk, d, window);
    case KS_HTTP2_PHASE_PREFACE:
      return ks_http2_step_preface(walk, d, window);
    default:
      return ks_http2_step_search(walk, d, window);
  }
}

/* Before the first step of a transfer that begins to be HTTP/2 at walk->position. `matched`: bytes of
 * the preface that came in earlier transfers. */
static inline __attribute__((always_inline)) void ks_http2_enter(struct ks_http2_walk* walk,
                                                                 struct ks_http2_direction* d,
                                                                 enum ks_http2_begin begin,
                                                                 ks_u8 matched) {
  const ks_u32 unseen = walk->seq - d->next_seq;
  if (d->phase == KS_HTTP2_PHASE_NEW) {
    if (begin == KS_HTTP2_BEGINS_PREFACE) {
      d->phase = KS_HTTP2_PHASE_PREFACE;
      d->header_bytes = matched;
    } else if (begin == KS_HTTP2_BEGINS_ANYWHERE) {
      d->phase = KS_HTTP2_PHASE_SEARCH;
    } else {
      ks_http2_set_place(d, walk->seq + walk->position,
                         begin == KS_HTTP2_BEGINS_FRAMES ? KS_HTTP2_START : KS_HTTP2_JOINED);
    }
  } else if (d->has_next_seq && unseen != 0 && d->phase != KS_HTTP2_PHASE_SEARCH) {
    if ((ks_s32)unseen < 0 || !ks_http2_skip_unseen(walk, d, unseen)) ks_http2_lose_place(d);
  }
  d->next_seq = walk->seq + walk->bytes;
  d->has_next_seq = 1;
}

/* The transfer's bytes cannot be read. Returns 0 if the place is lost by that; else the steps follow
 * as usual. */
static inline __attribute__((always_inline)) int ks_http2_pass_unread(
    struct ks_http2_walk* walk, struct ks_http2_direction* d) {
  if (!ks_http2_skip_unseen(walk, d, walk->bytes - walk->position)) {
    walk->end = KS_HTTP2_END_UNREADABLE;
    return 0;
  }
  walk->position = walk->bytes;
  return 1;
}

/* After the last step. */
static inline __attribute__((always_inline)) void ks_http2_leave(const struct ks_http2_walk* walk,
                                                                 struct ks_http2_direction* d) {
  if (walk->end != KS_HTTP2_END_OF_TRANSFER && d->phase != KS_HTTP2_PHASE_SEARCH)
    ks_http2_lose_place(d);
}

/* After the last step: whether the socket is to be given up. One that only looked like HTTP/2 soon shows
 * no frames any more. */
static inline __attribute__((always_inline)) int ks_http2_should_give_up(
    const struct ks_http2_walk* walk, struct ks_socket* socket) {
  if (walk->end == KS_HTTP2_END_REFUSED) return 1;
  if (socket->is_from_first) return 0;
  if (walk->end != KS_HTTP2_END_OF_TRANSFER) return ks_should_give_up(socket);
  socket->attempts = 0;
  return 0;
}

#endif
