/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The frames that become items: header blocks, and the small frames that end streams or change how they
 * are read. Pure: no BPF helpers.
 */
#ifndef KERNSPAN_BPF_HTTP2_CAPTURE_H
#define KERNSPAN_BPF_HTTP2_CAPTURE_H

#include "bpf/http2_frame.h"
#include "bpf/http2_item_writer.h"

enum {
  /* Captured of the frames that are no header blocks. 64 settings; the part of GOAWAY that has a
   * meaning. */
  KS_HTTP2_SETTINGS_BYTES_MAX = 384,
  KS_HTTP2_GOAWAY_BYTES_MAX = 8,
};

static inline __attribute__((always_inline)) void ks_http2_begin_capture(
    struct ks_http2_direction* d, ks_u32 length, ks_u32 limit) {
  d->is_captured = 1;
  d->is_frame_sent = 0;
  d->capture_left = length < limit ? length : limit;
  d->is_cut = length > limit;
}

/* A frame that becomes items. */
static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step_captured(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, ks_u8* window) {
  const ks_u32 at = walk->position;
  const ks_u32 left = walk->bytes - at;
  if (d->payload_left != 0 && left == 0) return KS_HTTP2_DONE;
  if (!ks_http2_has_room(walk)) return KS_HTTP2_NEED_ROOM;
  struct ks_http2_stream* stream = ks_http2_stream_of(d);
  if (!d->is_frame_sent && d->type == KS_HTTP2_TYPE_HEADERS && d->flags & KS_HTTP2_END_STREAM &&
      stream) {
    /* Trailers: what the body came to, as no DATA will say it. */
    if (stream->bytes_low != 0 || stream->bytes_high != 0) ks_http2_put_data(walk, d, window, 0);
    ks_http2_free_slot(d, stream);
    d->slot = KS_HTTP2_STREAM_NONE;
    if (!ks_http2_has_room(walk)) return KS_HTTP2_NEED_ROOM;
  }
  const ks_u32 room = KS_CAPTURE_BYTES_MAX - walk->item_bytes - 32;
  ks_u32 count = d->capture_left;
  if (count > left) count = left;
  if (count > room) count = room;
  const ks_u8 flags = d->is_cut && count == d->capture_left ? KS_HTTP2_CUT : 0;
  ks_u32 before = 0; /* bytes of the item before the payload's */
  ks_http2_put_mark(walk, d, window);
  walk->item_at = KS_HTTP2_ITEMS + walk->item_bytes;
  if (!d->is_frame_sent) {
    before = KS_HTTP2_HEADER_BYTES;
    ks_http2_put_item(walk, window, d->frame_seq, before + count, KS_HTTP2_FRAME, flags);
    ks_http2_put(walk, window, d->header);
    ks_http2_put(walk, window, d->header_last);
    d->is_frame_sent = 1;
  } else {
    ks_http2_put_item(walk, window, walk->seq + at, count, KS_HTTP2_PAYLOAD, flags);
  }
  if (flags) d->is_cut = 0;
  if (count == 0) return KS_HTTP2_NEED_NOTHING;
  walk->copy_to = walk->item_at + 8 + before;
  walk->copy_bytes = count;
  /* Rounded up, with the header's ninth byte in the payload's first word. */
  walk->item_bytes = walk->item_at + 8 + ((before + count + 7) & ~7u) - KS_HTTP2_ITEMS;
  return KS_HTTP2_NEED_COPY;
}

/* `got` bytes are in the window. What could not be read is cut. */
static inline __attribute__((always_inline)) void ks_http2_has_copied(struct ks_http2_walk* walk,
                                                                      struct ks_http2_direction* d,
                                                                      ks_u8* window, ks_u32 got) {
  const ks_u32 count = walk->copy_bytes;
  d->capture_left -= count;
  d->payload_left -= count;
  walk->position += count;
  if (got < count) {
    ks_u8* item = window + (walk->item_at & KS_WINDOW_MASK);
    const ks_u32 bytes = walk->copy_to - walk->item_at - 8 + got;
    const ks_u64 word = ks_load64(item) & ~(0xffffULL << 32);
    ks_store64(item, word | (ks_u64)(bytes & 0xffff) << 32 | (ks_u64)KS_HTTP2_CUT << 56);
    walk->item_bytes = walk->item_at + 8 + ((bytes + 7) & ~7u) - KS_HTTP2_ITEMS;
    d->capture_left = 0;
    d->is_cut = 0;
    if (d->block_bytes < KS_HEAD_BYTES_MAX) {
      d->block_bytes = KS_HEAD_BYTES_MAX;
      walk->cut_blocks++;
    }
  }
  /* Zeros behind the last byte. */
  const ks_u32 end = walk->copy_to + got;
  if (end & 7) {
    ks_u8* last = window + (end & ~7u & KS_WINDOW_MASK);
    ks_store64(last, ks_load64(last) & ((1ULL << (8 * (end & 7))) - 1));
  }
  if (d->payload_left == 0) ks_http2_end_frame(d);
}

#endif
