/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The slots of the streams that send DATA in one direction: found, taken and freed. Pure: no BPF helpers.
 *
 * Streams have state only for their DATA: where the next gRPC message begins. It is made by the
 * HEADERS that open the stream in this direction; a stream without is never guessed about.
 */
#ifndef KERNSPAN_BPF_HTTP2_STREAMS_H
#define KERNSPAN_BPF_HTTP2_STREAMS_H

#include "bpf/http2_state.h"
#include "bpf/http2_transfer.h"

enum {
  /* A stream that has sent nothing for so many periods of 34 s may lose its slot to another. */
  KS_HTTP2_IDLE_PERIODS = 8,
};

/* The state of the current frame's stream; NULL if it has none. */
static inline __attribute__((always_inline)) struct ks_http2_stream* ks_http2_stream_of(
    struct ks_http2_direction* d) {
  ks_u32 slot = d->slot;
  if (slot >= KS_HTTP2_STREAMS_MAX) return (struct ks_http2_stream*)0;
  /* As in ks_http2_put(). */
  asm volatile("" : "+r"(slot));
  return &d->streams[slot & (KS_HTTP2_STREAMS_MAX - 1)];
}

static inline __attribute__((always_inline)) ks_u32 ks_http2_first_slot(ks_u32 stream) {
  return stream >> 1 & (KS_HTTP2_STREAMS_MAX - 1);
}

/* Where a stream goes that finds its first slot taken: one long stream must not be in the way of
 * each 64th short one. After that any slot will do, at the price of a search. */
static inline __attribute__((always_inline)) ks_u32 ks_http2_second_slot(ks_u32 stream) {
  return ((stream >> 1) + 21) & (KS_HTTP2_STREAMS_MAX - 1);
}

/* The slot of a stream (0: a free one), wherever it is; KS_HTTP2_STREAM_NONE. In BPF a function of its
 * own, which the verifier sees once. */
#ifdef __bpf__
__attribute__((noinline))
#else
static inline
#endif
ks_u32
ks_http2_scan_slots(const struct ks_http2_direction* d, ks_u32 stream) {
  if (!d) return KS_HTTP2_STREAM_NONE;
  for (ks_u32 i = 0; i < KS_HTTP2_STREAMS_MAX; i++) {
    if (d->streams[i].id == stream) return i;
  }
  return KS_HTTP2_STREAM_NONE;
}

static inline __attribute__((always_inline)) ks_u8
ks_http2_find_stream(const struct ks_http2_direction* d, ks_u32 stream) {
  const ks_u32 first = ks_http2_first_slot(stream), second = ks_http2_second_slot(stream);
  if (d->streams[first].id == stream) return (ks_u8)first;
  if (d->streams[second].id == stream) return (ks_u8)second;
  return d->strays ? (ks_u8)ks_http2_scan_slots(d, stream) : (ks_u8)KS_HTTP2_STREAM_NONE;
}

static inline __attribute__((always_inline)) void ks_http2_free_slot(
    struct ks_http2_direction* d, struct ks_http2_stream* stream) {
  if (stream->flags & KS_HTTP2_STRAY && d->strays) d->strays--;
  stream->id = 0;
  stream->flags = 0;
}

static inline __attribute__((always_inline)) void ks_http2_take_slot(struct ks_http2_direction* d,
                                                                     ks_u32 slot, ks_u32 id,
                                                                     ks_u8 flags, ks_u16 period) {
  struct ks_http2_stream* stream = &d->streams[slot & (KS_HTTP2_STREAMS_MAX - 1)];
  const struct ks_http2_stream fresh = {};
  if (stream->id != 0) ks_http2_free_slot(d, stream);
  *stream = fresh;
  stream->id = id;
  stream->period = period;
  stream->flags = flags;
}

/* Whether a stream may lose its slot to a new one with these flags: it is idle, or it is not counted
 * anyway and the new one can be. */
static inline __attribute__((always_inline)) int ks_http2_may_evict(
    const struct ks_http2_stream* stream, ks_u8 flags, ks_u16 period) {
  if ((ks_u16)(period - stream->period) >= KS_HTTP2_IDLE_PERIODS) return 1;
  return stream->flags & KS_HTTP2_UNCOUNTED && !(flags & KS_HTTP2_UNCOUNTED);
}

/* A slot for a stream that has none; KS_HTTP2_STREAM_NONE if all are taken. */
static inline __attribute__((always_inline)) ks_u8
ks_http2_open_stream(struct ks_http2_direction* d, ks_u32 stream, ks_u8 flags, ks_u16 period) {
  const ks_u32 first = ks_http2_first_slot(stream), second = ks_http2_second_slot(stream);
  ks_u32 slot = first;
  if (d->streams[first].id != 0) slot = second;
  if (d->streams[slot].id != 0) {
    slot = ks_http2_scan_slots(d, 0);
    if (slot != KS_HTTP2_STREAM_NONE) {
      flags |= KS_HTTP2_STRAY;
    } else if (ks_http2_may_evict(&d->streams[first], flags, period)) {
      slot = first;
    } else if (ks_http2_may_evict(&d->streams[second], flags, period)) {
      slot = second;
    } else {
      return KS_HTTP2_STREAM_NONE;
    }
  }
  ks_http2_take_slot(d, slot, stream, flags, period);
  if (flags & KS_HTTP2_STRAY) d->strays++;
  return (ks_u8)slot;
}

static inline __attribute__((always_inline)) void ks_http2_free_stream(struct ks_http2_direction* d,
                                                                       ks_u32 stream) {
  ks_u32 slot = ks_http2_find_stream(d, stream);
  if (slot >= KS_HTTP2_STREAMS_MAX) return;
  /* As in ks_http2_put(). */
  asm volatile("" : "+r"(slot));
  ks_http2_free_slot(d, &d->streams[slot & (KS_HTTP2_STREAMS_MAX - 1)]);
}

/* The place in the stream's messages is lost. */
static inline __attribute__((always_inline)) void ks_http2_lose_messages(
    struct ks_http2_walk* walk, struct ks_http2_stream* stream) {
  if (!(stream->flags & KS_HTTP2_NO_MESSAGES)) walk->lost_messages++;
  stream->flags |= KS_HTTP2_NO_MESSAGES | KS_HTTP2_UNCOUNTED;
  stream->message_left = 0;
  stream->prefix_bytes = 0;
}

static inline __attribute__((always_inline)) void ks_http2_add_bytes(struct ks_http2_stream* stream,
                                                                     ks_u32 bytes) {
  const ks_u32 low = stream->bytes_low + bytes;
  if (low < bytes) stream->bytes_high++;
  stream->bytes_low = low;
}

#endif
