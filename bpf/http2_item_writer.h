/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Writes items (bpf/abi/http2_items.h) into the window. Pure: no BPF helpers.
 */
#ifndef KERNSPAN_BPF_HTTP2_ITEM_WRITER_H
#define KERNSPAN_BPF_HTTP2_ITEM_WRITER_H

#include "bpf/abi/http2_items.h"
#include "bpf/http2_streams.h"

enum {
  /* A step that writes items needs this much room: a mark (8), a frame (8 + 16), and enough of a
   * payload to be worth an item. */
  KS_HTTP2_ROOM_BYTES = 128,
};

static inline __attribute__((always_inline)) void ks_http2_put(struct ks_http2_walk* walk,
                                                               ks_u8* window, ks_u64 word) {
  ks_u32 to = KS_HTTP2_ITEMS + walk->item_bytes;
  /* Out of the compiler's sight, which would leave out the mask where it knows a bound that the verifier
   * has not followed ("R3 unbounded memory access"). */
  asm volatile("" : "+r"(to));
  ks_store64(window + (to & KS_WINDOW_MASK), word);
  walk->item_bytes += 8;
}

static inline __attribute__((always_inline)) int ks_http2_has_room(
    const struct ks_http2_walk* walk) {
  return walk->item_bytes + KS_HTTP2_ROOM_BYTES <= KS_CAPTURE_BYTES_MAX;
}

/* `seq`: of the first byte that the item speaks of. */
static inline __attribute__((always_inline)) void ks_http2_put_item(struct ks_http2_walk* walk,
                                                                    ks_u8* window, ks_u32 seq,
                                                                    ks_u32 bytes, ks_u8 kind,
                                                                    ks_u8 flags) {
  ks_http2_put(walk, window,
               (ks_u64)(seq - walk->seq) | (ks_u64)(bytes & 0xffff) << 32 | (ks_u64)kind << 48 |
                   (ks_u64)flags << 56);
}

/* What goes before the first item of a direction, or the first one after a loss. */
static inline __attribute__((always_inline)) void ks_http2_put_mark(struct ks_http2_walk* walk,
                                                                    struct ks_http2_direction* d,
                                                                    ks_u8* window) {
  if (!d->mark) return;
  ks_http2_put_item(walk, window, d->mark_seq, 0, d->mark, 0);
  d->mark = 0;
}

static inline __attribute__((always_inline)) void ks_http2_put_data(struct ks_http2_walk* walk,
                                                                    struct ks_http2_direction* d,
                                                                    ks_u8* window, ks_u32 flags) {
  ks_u32 low = d->frame_length, high = 0, messages = 0;
  struct ks_http2_stream* stream = ks_http2_stream_of(d);
  if (stream) {
    low = stream->bytes_low;
    high = stream->bytes_high;
    messages = stream->messages;
    stream->period = walk->period;
    if (stream->flags & KS_HTTP2_UNCOUNTED) flags |= KS_HTTP2_DATA_UNCOUNTED;
  } else {
    flags |= KS_HTTP2_DATA_UNCOUNTED;
  }
  ks_http2_put_mark(walk, d, window);
  ks_http2_put_item(walk, window, d->frame_seq, sizeof(struct ks_http2_data), KS_HTTP2_DATA, 0);
  ks_http2_put(walk, window, (ks_u64)d->stream | (ks_u64)flags << 32);
  ks_http2_put(walk, window, (ks_u64)low | (ks_u64)high << 32);
  ks_http2_put(walk, window, messages);
}

#endif
