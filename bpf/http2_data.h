/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * DATA frames: their bytes are counted, and the gRPC messages in them found.
 *
 *   compressed (8) | length (32) | message                                  big endian
 *
 * https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md. Pure: no BPF helpers.
 */
#ifndef KERNSPAN_BPF_HTTP2_DATA_H
#define KERNSPAN_BPF_HTTP2_DATA_H

#include "bpf/http2_frame.h"
#include "bpf/http2_item_writer.h"

enum {
  /* So many empty messages one after another in one frame are zeros of something else than gRPC. */
  KS_HTTP2_EMPTY_MESSAGES_MAX = 32,
  KS_HTTP2_PREFIX_BYTES = 5,
};

/* One byte, or all five, of a message's prefix. `count`: how many bytes of the payload are here. */
static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step_prefix(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, struct ks_http2_stream* stream,
    ks_u32 count, ks_u8* window) {
  const ks_u32 at = walk->position;
  if (!ks_http2_has_room(walk)) return KS_HTTP2_NEED_ROOM;
  const int is_whole = stream->prefix_bytes == 0 && count >= KS_HTTP2_PREFIX_BYTES;
  const ks_u32 taken = is_whole ? KS_HTTP2_PREFIX_BYTES : 1;
  if (!ks_http2_holds(walk, at, taken)) return ks_http2_await_input(walk, at);
  const ks_u32 in = ks_http2_input(walk, at);
  ks_u64 prefix = window[in];
  if (stream->prefix_bytes == 0) {
    if (prefix > 1) {
      if (stream->messages != 0) ks_http2_lose_messages(walk, stream);
      stream->flags |= KS_HTTP2_NO_MESSAGES;
      return KS_HTTP2_NEED_NOTHING;
    }
    stream->prefix_seq = walk->seq + at;
    if (is_whole) prefix = ks_load64(window + in);
  } else {
    prefix = prefix << (8 * (stream->prefix_bytes & 7)) | stream->message_left;
  }
  walk->position = at + taken;
  d->payload_left -= taken;
  ks_http2_add_bytes(stream, taken);
  if (stream->prefix_bytes + taken < KS_HTTP2_PREFIX_BYTES) {
    stream->message_left = (ks_u32)prefix;
    stream->prefix_bytes++;
    return KS_HTTP2_NEED_NOTHING;
  }
  const ks_u32 length = __builtin_bswap32((ks_u32)(prefix >> 8));
  stream->prefix_bytes = 0;
  stream->message_left = length;
  if (length != 0) {
    d->empty_messages = 0;
  } else if (++d->empty_messages > KS_HTTP2_EMPTY_MESSAGES_MAX) {
    ks_http2_lose_messages(walk, stream);
    return KS_HTTP2_NEED_NOTHING;
  }
  stream->messages++;
  ks_http2_put_mark(walk, d, window);
  ks_http2_put_item(walk, window, stream->prefix_seq, sizeof(struct ks_http2_message),
                    KS_HTTP2_MESSAGE, 0);
  ks_http2_put(walk, window, (ks_u64)d->stream | (ks_u64)length << 32);
  ks_http2_put(walk, window, prefix & 1);
  return KS_HTTP2_NEED_NOTHING;
}

/* The frame's last byte has passed. */
static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_end_data(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, struct ks_http2_stream* stream,
    ks_u8* window) {
  const int is_end = d->flags & KS_HTTP2_END_STREAM;
  if (is_end || (stream && stream->period != walk->period)) {
    if (!ks_http2_has_room(walk)) return KS_HTTP2_NEED_ROOM;
    ks_http2_put_data(walk, d, window, is_end ? KS_HTTP2_DATA_END : 0);
    if (is_end && stream) ks_http2_free_slot(d, stream);
  }
  ks_http2_end_frame(d);
  return KS_HTTP2_NEED_NOTHING;
}

/* Takes what is here of the current message, of a body that is not followed, or of the padding. */
static inline __attribute__((always_inline)) void ks_http2_skip_content(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, struct ks_http2_stream* stream) {
  const ks_u32 left = walk->bytes - walk->position;
  const ks_u32 content = d->payload_left - d->pad_left;
  ks_u32 count = content != 0 ? content : d->payload_left;
  if (count > left) count = left;
  if (content == 0) {
    d->pad_left = (ks_u8)(d->pad_left - count);
  } else if (stream && !(stream->flags & KS_HTTP2_NO_MESSAGES)) {
    if (stream->prefix_bytes != 0) return;
    if (count > stream->message_left) count = stream->message_left;
    stream->message_left -= count;
  }
  if (stream) ks_http2_add_bytes(stream, count);
  d->payload_left -= count;
  walk->position += count;
}

/* One step takes a prefix, the message behind it and the frame's end, as far as they are here. */
static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step_data(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, ks_u8* window) {
  struct ks_http2_stream* stream = ks_http2_stream_of(d);
  const ks_u32 at = walk->position;
  const ks_u32 left = walk->bytes - at;
  if (d->payload_left == 0) return ks_http2_end_data(walk, d, stream, window);
  if (left == 0) {
    /* Also in the middle of a long frame. */
    if (!stream || stream->period == walk->period) return KS_HTTP2_DONE;
    if (!ks_http2_has_room(walk)) return KS_HTTP2_NEED_ROOM;
    ks_http2_put_data(walk, d, window, 0);
    return KS_HTTP2_DONE;
  }
  if (d->awaits_pad) {
    if (!ks_http2_holds(walk, at, 1)) return ks_http2_await_input(walk, at);
    d->pad_left = window[ks_http2_input(walk, at)];
    d->awaits_pad = 0;
    walk->position = at + 1;
    d->payload_left--;
    if (stream) ks_http2_add_bytes(stream, 1);
    if (d->pad_left > d->payload_left) return ks_http2_stop(walk, KS_HTTP2_END_BROKEN);
    return KS_HTTP2_NEED_NOTHING;
  }
  const ks_u32 content = d->payload_left - d->pad_left;
  if (content != 0 && stream && !(stream->flags & KS_HTTP2_NO_MESSAGES) &&
      (stream->message_left == 0 || stream->prefix_bytes != 0)) {
    const enum ks_http2_need need =
        ks_http2_step_prefix(walk, d, stream, content < left ? content : left, window);
    if (need != KS_HTTP2_NEED_NOTHING) return need;
  }
  ks_http2_skip_content(walk, d, stream);
  return d->payload_left == 0 ? ks_http2_end_data(walk, d, stream, window) : KS_HTTP2_NEED_NOTHING;
}

/* Takes the next `bytes` bytes of the direction, which cannot be read, as a part of the payload that
 * it is in. Returns 0 (and has done nothing) if they may be more than that. */
static inline __attribute__((always_inline)) int ks_http2_skip_unseen(struct ks_http2_walk* walk,
                                                                      struct ks_http2_direction* d,
                                                                      ks_u32 bytes) {
  if (d->phase != KS_HTTP2_PHASE_PAYLOAD || bytes > d->payload_left) return 0;
  if (d->is_captured && (!d->is_frame_sent || d->capture_left != 0)) return 0;
  struct ks_http2_stream* stream = ks_http2_stream_of(d);
  if (d->type == KS_HTTP2_TYPE_DATA && stream) {
    const ks_u32 content_left = d->payload_left > d->pad_left ? d->payload_left - d->pad_left : 0;
    const ks_u32 content = bytes < content_left ? bytes : content_left;
    if (!(stream->flags & KS_HTTP2_NO_MESSAGES)) {
      /* Up to a message's last byte is fine; behind it stands a prefix. */
      if (d->awaits_pad || stream->prefix_bytes != 0 || content > stream->message_left)
        ks_http2_lose_messages(walk, stream);
      else
        stream->message_left -= content;
    }
    ks_http2_add_bytes(stream, bytes);
  }
  d->awaits_pad = 0;
  d->payload_left -= bytes;
  if (d->pad_left > d->payload_left) d->pad_left = (ks_u8)d->payload_left;
  return 1;
}

#endif
