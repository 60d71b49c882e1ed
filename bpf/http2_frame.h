/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * HTTP/2 frame headers (RFC 9113 sections 4.1 and 6): reading one, judging it, and recognising the
 * protocol by them. Pure decisions without BPF helpers; host unit tests compile them as well.
 *
 *   length (24) | type (8) | flags (8) | reserved (1), stream (31)         big endian
 */
#ifndef KERNSPAN_BPF_HTTP2_FRAME_H
#define KERNSPAN_BPF_HTTP2_FRAME_H

#include "bpf/http1_head.h"

enum {
  KS_HTTP2_HEADER_BYTES = 9,
  KS_HTTP2_PREFACE_BYTES = 24,
  /* SETTINGS_MAX_FRAME_SIZE as it is unless the peer allows more. */
  KS_HTTP2_LENGTH_USUAL = 16384,
};

enum ks_http2_type {
  KS_HTTP2_TYPE_DATA = 0,
  KS_HTTP2_TYPE_HEADERS = 1,
  KS_HTTP2_TYPE_PRIORITY = 2,
  KS_HTTP2_TYPE_RST_STREAM = 3,
  KS_HTTP2_TYPE_SETTINGS = 4,
  KS_HTTP2_TYPE_PUSH_PROMISE = 5,
  KS_HTTP2_TYPE_PING = 6,
  KS_HTTP2_TYPE_GOAWAY = 7,
  KS_HTTP2_TYPE_WINDOW_UPDATE = 8,
  KS_HTTP2_TYPE_CONTINUATION = 9,
};

enum ks_http2_frame_flags {
  KS_HTTP2_END_STREAM = 0x1, /* DATA, HEADERS */
  KS_HTTP2_ACK = 0x1,        /* SETTINGS, PING */
  KS_HTTP2_END_HEADERS = 0x4,
  KS_HTTP2_PADDED = 0x8,
  KS_HTTP2_PRIORITY = 0x20,
};

struct ks_http2_frame {
  ks_u32 length;
  ks_u32 stream;
  ks_u8 type;
  ks_u8 flags;
  ks_u8 is_reserved_set; /* the bit before the stream, which means nothing but should be 0 */
  ks_u8 reserved;
};

/* `word`: the header's first eight bytes as ks_load64() reads them. */
static inline __attribute__((always_inline)) struct ks_http2_frame ks_http2_parse(ks_u64 word,
                                                                                  ks_u8 last) {
  const ks_u32 stream = __builtin_bswap32((ks_u32)(word >> 32) & 0xffffff00) << 8;
  struct ks_http2_frame frame = {
      .length = (ks_u32)(word & 0xff) << 16 | (ks_u32)(word & 0xff00) | (ks_u32)(word >> 16 & 0xff),
      .stream = (stream & 0x7fffff00) | last,
      .type = (ks_u8)(word >> 24),
      .flags = (ks_u8)(word >> 32),
      .is_reserved_set = (ks_u8)(stream >> 31),
      .reserved = 0,
  };
  return frame;
}

/* Which flags have a meaning for a frame of this type. */
static inline __attribute__((always_inline)) ks_u8 ks_http2_known_flags(ks_u8 type) {
  switch (type) {
    case KS_HTTP2_TYPE_DATA:
      return KS_HTTP2_END_STREAM | KS_HTTP2_PADDED;
    case KS_HTTP2_TYPE_HEADERS:
      return KS_HTTP2_END_STREAM | KS_HTTP2_END_HEADERS | KS_HTTP2_PADDED | KS_HTTP2_PRIORITY;
    case KS_HTTP2_TYPE_PUSH_PROMISE:
      return KS_HTTP2_END_HEADERS | KS_HTTP2_PADDED;
    case KS_HTTP2_TYPE_CONTINUATION:
      return KS_HTTP2_END_HEADERS;
    case KS_HTTP2_TYPE_SETTINGS:
    case KS_HTTP2_TYPE_PING:
      return KS_HTTP2_ACK;
    default:
      return 0;
  }
}

/* Whether the frame keeps the rules that do not depend on other frames. What a receiver must ignore
 * (flags and types that it does not know, the reserved bit) is no reason against it. */
static inline __attribute__((always_inline)) int ks_http2_is_legal(
    const struct ks_http2_frame* frame) {
  const ks_u32 length = frame->length;
  const ks_u32 pad = frame->flags & KS_HTTP2_PADDED ? 1 : 0;
  switch (frame->type) {
    case KS_HTTP2_TYPE_DATA:
      return frame->stream != 0 && length >= pad;
    case KS_HTTP2_TYPE_HEADERS:
      return frame->stream != 0 && length >= pad + (frame->flags & KS_HTTP2_PRIORITY ? 5 : 0);
    case KS_HTTP2_TYPE_PRIORITY:
      return frame->stream != 0 && length == 5;
    case KS_HTTP2_TYPE_RST_STREAM:
      return frame->stream != 0 && length == 4;
    case KS_HTTP2_TYPE_SETTINGS:
      return frame->stream == 0 && length % 6 == 0 &&
             (!(frame->flags & KS_HTTP2_ACK) || length == 0);
    case KS_HTTP2_TYPE_PUSH_PROMISE:
      return frame->stream != 0 && length >= pad + 4;
    case KS_HTTP2_TYPE_PING:
      return frame->stream == 0 && length == 8;
    case KS_HTTP2_TYPE_GOAWAY:
      return frame->stream == 0 && length >= 8;
    case KS_HTTP2_TYPE_WINDOW_UPDATE:
      return length == 4;
    case KS_HTTP2_TYPE_CONTINUATION:
      return frame->stream != 0;
    default:
      /* Of some extension, none of which has large frames. */
      return length <= KS_HTTP2_LENGTH_USUAL;
  }
}

/* The stream whose header block goes on behind this frame; 0: none does. */
static inline __attribute__((always_inline)) ks_u32
ks_http2_open_block(const struct ks_http2_frame* frame) {
  const int is_block = frame->type == KS_HTTP2_TYPE_HEADERS ||
                       frame->type == KS_HTTP2_TYPE_PUSH_PROMISE ||
                       frame->type == KS_HTTP2_TYPE_CONTINUATION;
  return is_block && !(frame->flags & KS_HTTP2_END_HEADERS) ? frame->stream : 0;
}

/* Whether bytes that may be anything look like this frame: all that a sender does not do speaks against
 * it. A header block is cut in two only where it is too long for one frame, and an empty frame of a
 * stream has something to end. Larger frames than usual
 * are allowed only for DATA of `stream`, that of the frame before (0: none). */
static inline __attribute__((always_inline)) int ks_http2_is_plausible(
    const struct ks_http2_frame* frame, ks_u32 stream) {
  if (frame->type > KS_HTTP2_TYPE_CONTINUATION || frame->is_reserved_set) return 0;
  if (frame->flags & ~ks_http2_known_flags(frame->type)) return 0;
  if (frame->length > KS_HTTP2_LENGTH_USUAL &&
      (frame->type != KS_HTTP2_TYPE_DATA || frame->stream != stream))
    return 0;
  if (frame->length != KS_HTTP2_LENGTH_USUAL && ks_http2_open_block(frame) != 0) return 0;
  if (frame->length == 0 && frame->stream != 0 && !(frame->flags & KS_HTTP2_END_STREAM)) return 0;
  return ks_http2_is_legal(frame);
}

/* Whether a frame may come where the header block of `open_block` (0: none) is unfinished. */
static inline __attribute__((always_inline)) int ks_http2_may_follow(
    const struct ks_http2_frame* frame, ks_u32 open_block) {
  const int is_continuation = frame->type == KS_HTTP2_TYPE_CONTINUATION;
  return open_block == 0 ? !is_continuation : is_continuation && frame->stream == open_block;
}

/* The preface's byte at `index`; 0 behind its end. */
static inline __attribute__((always_inline)) ks_u8 ks_http2_preface_byte(ks_u32 index) {
  const ks_u64 word = index < 8    ? KS_TEXT8('P', 'R', 'I', ' ', '*', ' ', 'H', 'T')
                      : index < 16 ? KS_TEXT8('T', 'P', '/', '2', '.', '0', '\r', '\n')
                      : index < 24 ? KS_TEXT8('\r', '\n', 'S', 'M', '\r', '\n', '\r', '\n')
                                   : 0;
  return (ks_u8)(word >> (8 * (index % 8)));
}

/* Whether `count` bytes (the low ones of `word`; of more than 8 the first 8 count) are the preface
 * from `matched` (at most 2) on, or its beginning. With that they must be at least its first three:
 * no method of HTTP/1 begins so, and no other protocol that is known here. */
static inline __attribute__((always_inline)) int ks_http2_begins_preface(ks_u64 word, ks_u32 count,
                                                                         ks_u32 matched) {
  const ks_u64 preface = KS_TEXT8('P', 'R', 'I', ' ', '*', ' ', 'H', 'T') >> (8 * (matched & 7));
  if (count > 8 - matched) count = 8 - matched;
  if (matched + count < 3) return 0;
  const ks_u64 mask = count >= 8 ? ~0ULL : (1ULL << (8 * (count & 7))) - 1;
  return ((word ^ preface) & mask) == 0;
}

#endif
