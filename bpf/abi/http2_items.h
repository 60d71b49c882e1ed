/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * What the kernel side says about one direction of an HTTP/2 connection (RFC 9113). The captured
 * bytes of a transfer record with KS_HTTP2 set are a sequence of items: a ks_http2_item, `bytes`
 * bytes that belong to it, and zeros up to a multiple of 8. DATA payloads never cross the ring;
 * header blocks do, and so do the small frames that end or bound streams.
 *
 * The kernel side walks frames but knows nothing of HPACK. User space checks everything again.
 */
#ifndef KERNSPAN_BPF_ABI_HTTP2_ITEMS_H
#define KERNSPAN_BPF_ABI_HTTP2_ITEMS_H

#include "bpf/abi/events.h"

enum ks_http2_item_kind {
  /* This direction is followed from its very first frame, which comes next. On the sending side of
   * the client the preface has just passed. `bytes` is 0. */
  KS_HTTP2_START = 1,
  /* The place in the frames was unknown until here (the connection is older than the agent, or
   * bytes went by unseen): any number of frames may have been missed. `bytes` is 0. */
  KS_HTTP2_JOINED = 2,
  /* The 9 bytes of a frame header, then the first bytes of the payload, as far as they are in this
   * transfer and within the limits. For HEADERS, CONTINUATION, PUSH_PROMISE, RST_STREAM, GOAWAY and
   * SETTINGS; each at its first payload byte, or, where there is none, at the header's last. Of a
   * header block that is over the limit (KS_HEAD_BYTES_MAX, frame headers included) only the frame
   * that ends it follows, with KS_HTTP2_CUT. */
  KS_HTTP2_FRAME = 3,
  /* Further payload bytes of the frame whose KS_HTTP2_FRAME was this direction's last one. */
  KS_HTTP2_PAYLOAD = 4,
  /* A gRPC message begins: struct ks_http2_message. Only where it looks like one; whether the
   * stream carries gRPC is for user space to decide. */
  KS_HTTP2_MESSAGE = 5,
  /* DATA: struct ks_http2_data. When END_STREAM has passed, at the frame's last byte; where HEADERS end
   * the stream instead (trailers) and it had DATA, before their KS_HTTP2_FRAME and without
   * KS_HTTP2_DATA_END; and, so that a body that moves does not time out, once in each 34 s of a stream
   * that is sending. */
  KS_HTTP2_DATA = 6,
};

enum ks_http2_item_flags {
  /* The rest of the frame's payload is not captured: over the limit, or could not be read. If it is
   * part of a header block, the block cannot be decoded, nor what depends on it. */
  KS_HTTP2_CUT = 1 << 0,
};

/* offset: of the first byte that the item speaks of, counted from the transfer's first byte
 * (tcp_seq); negative where that was in an earlier transfer. */
struct ks_http2_item {
  ks_s32 offset;
  ks_u16 bytes;
  ks_u8 kind;  /* enum ks_http2_item_kind */
  ks_u8 flags; /* enum ks_http2_item_flags */
};

/* length: of the message, in bytes, as its prefix says. compressed: 0 or 1. */
struct ks_http2_message {
  ks_u32 stream;
  ks_u32 length;
  ks_u8 compressed;
  ks_u8 reserved[7];
};

enum ks_http2_data_flags {
  KS_HTTP2_DATA_END = 1 << 0, /* END_STREAM: the last of the stream in this direction */
  /* `bytes` does not count from the stream's first byte, or `messages` missed some. */
  KS_HTTP2_DATA_UNCOUNTED = 1 << 1,
};

/* bytes: DATA payload of the stream in this direction so far, padding included. messages: how many
 * gRPC messages began in them, as far as it looks like gRPC. */
struct ks_http2_data {
  ks_u32 stream;
  ks_u32 flags; /* enum ks_http2_data_flags */
  ks_u64 bytes;
  ks_u32 messages;
  ks_u32 reserved;
};

KS_STATIC_ASSERT(sizeof(struct ks_http2_item) == 8);
KS_STATIC_ASSERT(sizeof(struct ks_http2_message) == 16);
KS_STATIC_ASSERT(sizeof(struct ks_http2_data) == 24);

#endif
