/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * What is known of an HTTP/2 connection between two transfers: the place in each direction's frames, and
 * the streams that send DATA. Pure: no BPF helpers.
 *
 *   NEW:     nothing of this direction was seen since the connection is known to speak HTTP/2
 *   SEARCH:  the place in the frames is unknown; looked for at the beginning of each transfer
 *   PREFACE: inside the client's connection preface
 *   HEADER:  at or inside a frame header
 *   PAYLOAD: inside a frame's payload
 *
 *   NEW -> [PREFACE ->] HEADER <-> PAYLOAD, and from anywhere -> SEARCH -> HEADER
 */
#ifndef KERNSPAN_BPF_HTTP2_STATE_H
#define KERNSPAN_BPF_HTTP2_STATE_H

#include "bpf/abi/http2_items.h"

enum {
  /* Slots for streams that send DATA, per direction; a power of two. Servers allow 100 to 128
   * concurrent streams by default, but most of them send their DATA at once. With 64 the state of
   * a socket fits in 4 KiB. */
  KS_HTTP2_STREAMS_MAX = 64,
  KS_HTTP2_STREAM_NONE = 0xff,
};

enum ks_http2_phase {
  KS_HTTP2_PHASE_NEW = 0,
  KS_HTTP2_PHASE_SEARCH = 1,
  KS_HTTP2_PHASE_PREFACE = 2,
  KS_HTTP2_PHASE_HEADER = 3,
  KS_HTTP2_PHASE_PAYLOAD = 4,
};

enum ks_http2_stream_flags {
  /* Its body is not gRPC, or the place in its messages is lost: no more messages. */
  KS_HTTP2_NO_MESSAGES = 1 << 0,
  /* Bytes or messages of it were missed. */
  KS_HTTP2_UNCOUNTED = 1 << 1,
  /* It stands in neither of its two slots. */
  KS_HTTP2_STRAY = 1 << 2,
};

/* The DATA of one stream in one direction. */
struct ks_http2_stream {
  ks_u32 id; /* 0: the slot is free */
  ks_u32 messages;
  /* What is left of the current message; where prefix_bytes is not 0, the first bytes of the next
   * one's prefix, in the order in which the machine stores them. */
  ks_u32 message_left;
  ks_u32 prefix_seq; /* sequence number of the prefix's first byte */
  ks_u32 bytes_low;  /* in halves: eight bytes would not be aligned */
  ks_u32 bytes_high;
  ks_u16 period; /* of the last KS_HTTP2_DATA: ks_body_period() */
  ks_u8 prefix_bytes;
  ks_u8 flags; /* enum ks_http2_stream_flags */
};

/* One direction. Only transfers of that direction change it, but for RST_STREAM, which frees the
 * stream's slot in the other one as well. */
struct ks_http2_direction {
  ks_u64 header; /* the frame header's first eight bytes */
  ks_u32 next_seq;
  ks_u32 frame_seq; /* sequence number of the frame's first byte */
  ks_u32 frame_length;
  ks_u32 payload_left;
  ks_u32 capture_left; /* of that, what is to be sent */
  ks_u32 stream;       /* the frame's */
  ks_u32 open_block;   /* stream whose header block goes on behind the frame; 0: none */
  ks_u32 block_bytes;  /* of the header block in progress so far, frame headers included */
  ks_u32 mark_seq;     /* what `mark` speaks of */
  ks_u32 ordinal;      /* of the next record */
  ks_u8 phase;         /* enum ks_http2_phase */
  ks_u8 mark;          /* KS_HTTP2_START or KS_HTTP2_JOINED, to be sent with the next item; or 0 */
  ks_u8 header_bytes;  /* how much of the header (or of the preface) is there */
  ks_u8 header_last;   /* the frame header's ninth byte */
  ks_u8 type;
  ks_u8 flags;
  ks_u8 slot;           /* of the frame's stream; KS_HTTP2_STREAM_NONE */
  ks_u8 pad_left;       /* of the payload, its last bytes */
  ks_u8 awaits_pad;     /* the payload's next byte is the pad length */
  ks_u8 is_captured;    /* the frame becomes items */
  ks_u8 is_frame_sent;  /* its KS_HTTP2_FRAME has been */
  ks_u8 is_cut;         /* not all of it is to be captured */
  ks_u8 is_first;       /* the next frame must be SETTINGS: it opens the direction */
  ks_u8 is_tentative;   /* so many headers must look right before the place is believed */
  ks_u8 empty_messages; /* one after another in this frame */
  ks_u8 has_next_seq;
  ks_u8 strays; /* how many streams are */
  ks_u8 reserved[7];
  struct ks_http2_stream streams[KS_HTTP2_STREAMS_MAX];
};

/* Of a socket that speaks HTTP/2. */
struct ks_http2_socket {
  struct ks_http2_direction directions[2]; /* by enum ks_direction */
};

KS_STATIC_ASSERT(sizeof(struct ks_http2_stream) == 28);
/* The kernel's element around it takes 64 to 136 bytes; from 4096 on the next size is 8192. */
KS_STATIC_ASSERT(sizeof(struct ks_http2_socket) <= 4096 - 192);

static inline __attribute__((always_inline)) void ks_http2_end_frame(struct ks_http2_direction* d) {
  d->phase = KS_HTTP2_PHASE_HEADER;
  d->header_bytes = 0;
}

#endif
