/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The walk over the frames of one direction of an HTTP/2 connection (RFC 9113): what of them becomes
 * items (bpf/abi/http2_items.h), and what is skipped. Pure: no BPF helpers; the driver copies user
 * memory and sends records (bpf/http2.bpf.h, and the unit tests with memcpy).
 *
 *   NEW:     nothing of this direction was seen since the connection is known to speak HTTP/2
 *   SEARCH:  the place in the frames is unknown; looked for at the beginning of each transfer
 *   PREFACE: inside the client's connection preface
 *   HEADER:  at or inside a frame header
 *   PAYLOAD: inside a frame's payload
 *
 *   NEW -> [PREFACE ->] HEADER <-> PAYLOAD, and from anywhere -> SEARCH -> HEADER
 *
 * The walk of a transfer goes in steps. A step does a bounded piece of work and says what it needs;
 * all of its state is in memory, so that the verifier sees it once. A step that cannot do its work
 * yet (bytes to read, no room for an item) has changed nothing.
 *
 * Streams have state here only for their DATA: where the next gRPC message begins. It is made by the
 * HEADERS that open the stream in this direction; a stream without is never guessed about.
 */
#ifndef KERNSPAN_BPF_HTTP2_WALK_H
#define KERNSPAN_BPF_HTTP2_WALK_H

#include "bpf/abi/http2_items.h"
#include "bpf/http2_frame.h"
#include "bpf/message_state.h"

enum {
  /* What is read at a time to find frame headers in: a small request or response at once, and not
   * much in vain where a long payload follows. */
  KS_HTTP2_INPUT_BYTES = 256,
  /* Where in the window the items stand, and where what was read. */
  KS_HTTP2_ITEMS = sizeof(struct ks_transfer_event),
  KS_HTTP2_INPUT = KS_WINDOW_BYTES + KS_WINDOW_SLACK_BYTES - KS_CAPTURE_BYTES_MAX,
  /* A step that writes items needs this much room: a mark (8), a frame (8 + 16), and enough of a
   * payload to be worth an item. */
  KS_HTTP2_ROOM_BYTES = 128,
  /* Slots for streams that send DATA, per direction; a power of two. Servers allow 100 to 128
   * concurrent streams by default, but most of them send their DATA at once. With 64 the state of
   * a socket fits in 4 KiB. */
  KS_HTTP2_STREAMS_MAX = 64,
  KS_HTTP2_STREAM_NONE = 0xff,
  /* A stream that has sent nothing for so many periods of 34 s may lose its slot to another. */
  KS_HTTP2_IDLE_PERIODS = 8,
  /* So many empty messages one after another in one frame are zeros of something else than gRPC. */
  KS_HTTP2_EMPTY_MESSAGES_MAX = 32,
  KS_HTTP2_PREFIX_BYTES = 5,
  /* Consecutive frame headers in a transfer that are taken for proof. */
  KS_HTTP2_HEADERS_BELIEVED = 3,
  /* Captured of the frames that are no header blocks. 64 settings; the part of GOAWAY that has a
   * meaning. */
  KS_HTTP2_SETTINGS_BYTES_MAX = 384,
  KS_HTTP2_GOAWAY_BYTES_MAX = 8,
};

KS_STATIC_ASSERT(KS_HTTP2_INPUT >= (ks_u32)KS_HTTP2_ITEMS + KS_CAPTURE_BYTES_MAX);

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

/* ---- Input -------------------------------------------------------------------------------- */

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
  walk->read_at = at;
  walk->read_bytes = left < KS_HTTP2_INPUT_BYTES ? left : (ks_u32)KS_HTTP2_INPUT_BYTES;
  return 1;
}

static inline __attribute__((always_inline)) void ks_http2_has_read(struct ks_http2_walk* walk,
                                                                    ks_u32 got) {
  walk->input_at = walk->read_at;
  walk->input_bytes = got;
}

/* ---- Items -------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void ks_store64(ks_u8* bytes, ks_u64 word) {
#ifdef __bpf__
  *(ks_u64*)bytes = word;
#else
  __builtin_memcpy(bytes, &word, sizeof word);
#endif
}

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

/* The state of the current frame's stream; NULL if it has none. */
static inline __attribute__((always_inline)) struct ks_http2_stream* ks_http2_stream_of(
    struct ks_http2_direction* d) {
  ks_u32 slot = d->slot;
  if (slot >= KS_HTTP2_STREAMS_MAX) return (struct ks_http2_stream*)0;
  /* As in ks_http2_put(). */
  asm volatile("" : "+r"(slot));
  return &d->streams[slot & (KS_HTTP2_STREAMS_MAX - 1)];
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

/* ---- Streams ------------------------------------------------------------------------------ */

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

/* ---- Losing and finding the place --------------------------------------------------------- */

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

/* ---- Bytes that go by unseen -------------------------------------------------------------- */

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

/* ---- Frames ------------------------------------------------------------------------------- */

static inline __attribute__((always_inline)) void ks_http2_begin_capture(
    struct ks_http2_direction* d, ks_u32 length, ks_u32 limit) {
  d->is_captured = 1;
  d->is_frame_sent = 0;
  d->capture_left = length < limit ? length : limit;
  d->is_cut = length > limit;
}

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

static inline __attribute__((always_inline)) void ks_http2_end_frame(struct ks_http2_direction* d) {
  d->phase = KS_HTTP2_PHASE_HEADER;
  d->header_bytes = 0;
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

/* ---- Payloads ----------------------------------------------------------------------------- */

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
    return KS_HTTP2_NEED_NOTHING;
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
}

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

static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step_data(
    struct ks_http2_walk* walk, struct ks_http2_direction* d, ks_u8* window) {
  struct ks_http2_stream* stream = ks_http2_stream_of(d);
  const ks_u32 at = walk->position;
  const ks_u32 left = walk->bytes - at;
  if (d->payload_left == 0) {
    if (d->flags & KS_HTTP2_END_STREAM) {
      if (!ks_http2_has_room(walk)) return KS_HTTP2_NEED_ROOM;
      ks_http2_put_data(walk, d, window, KS_HTTP2_DATA_END);
      if (stream) ks_http2_free_slot(d, stream);
    } else if (stream && stream->period != walk->period) {
      if (!ks_http2_has_room(walk)) return KS_HTTP2_NEED_ROOM;
      ks_http2_put_data(walk, d, window, 0);
    }
    ks_http2_end_frame(d);
    return KS_HTTP2_NEED_NOTHING;
  }
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
  ks_u32 count = content != 0 ? content : d->payload_left;
  if (count > left) count = left;
  if (content == 0) {
    d->pad_left = (ks_u8)(d->pad_left - count);
  } else if (stream && !(stream->flags & KS_HTTP2_NO_MESSAGES)) {
    if (stream->message_left == 0 || stream->prefix_bytes != 0)
      return ks_http2_step_prefix(walk, d, stream, count, window);
    if (count > stream->message_left) count = stream->message_left;
    stream->message_left -= count;
  }
  if (stream) ks_http2_add_bytes(stream, count);
  d->payload_left -= count;
  walk->position = at + count;
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

/* One step of the walk over a transfer. `window` has KS_WINDOW_BYTES + KS_WINDOW_SLACK_BYTES. */
static inline __attribute__((always_inline)) enum ks_http2_need ks_http2_step(
    struct ks_http2_walk* walk, struct ks_http2_socket* http2, ks_u32 direction, ks_u8* window) {
  struct ks_http2_direction* d = &http2->directions[direction & 1];
  struct ks_http2_direction* other = &http2->directions[~direction & 1];
  switch (d->phase) {
    case KS_HTTP2_PHASE_HEADER:
      return ks_http2_step_header(walk, d, other, window);
    case KS_HTTP2_PHASE_PAYLOAD:
      return ks_http2_step_payload(walk, d, window);
    case KS_HTTP2_PHASE_PREFACE:
      return ks_http2_step_preface(walk, d, window);
    default:
      return ks_http2_step_search(walk, d, window);
  }
}

/* ---- Transfers ---------------------------------------------------------------------------- */

/* How the transfer begins in a direction that is NEW. */
enum ks_http2_begin {
  KS_HTTP2_BEGINS_ANYWHERE = 0,
  KS_HTTP2_BEGINS_PREFACE, /* with the client's connection preface */
  KS_HTTP2_BEGINS_FRAMES,  /* with the first frame of all */
  KS_HTTP2_BEGINS_JOINED,  /* with some frame */
};

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

/* ---- Recognising the protocol ------------------------------------------------------------- */

enum {
  KS_HTTP2_NO_PREFACE = 0xff,
};

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
