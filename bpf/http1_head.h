/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Finding the start and the end of an HTTP/1 message head, and in the same pass the fields that say
 * how long the body is. Pure decisions without BPF helpers; host unit tests compile them as well.
 * Spec: RFC 9112. These are guesses made to send little and to miss nothing; user space parses.
 *
 * The scan works on a window of KS_WINDOW_BYTES: positions are offsets into it, and every access is
 * masked, so that the verifier sees it in bounds whatever the position
 * ("invalid access to map value" otherwise). A scan goes line by line: a line is judged when its
 * newline is found. Of a line whose start is in an earlier transfer at least the last
 * KS_CARRY_BYTES stand before the new bytes, which is enough for all lines that matter here.
 */
#ifndef KERNSPAN_BPF_HTTP1_HEAD_H
#define KERNSPAN_BPF_HTTP1_HEAD_H

#include "bpf/abi/events.h"

enum {
  KS_WINDOW_BYTES = 8192,
  KS_WINDOW_MASK = KS_WINDOW_BYTES - 1,
  /* Accesses reach at most this far behind a masked position. */
  KS_WINDOW_SLACK_BYTES = 128,
  /* "content-length: " with a space more, 20 digits and CRLF fit. */
  KS_CARRY_BYTES = 48,
  /* The longest method of the IANA registry has 17 letters. */
  KS_METHOD_BYTES_MAX = 20,
  KS_LEADING_NEWLINES_MAX = 4,
};

enum ks_start {
  KS_START_NO,       /* not the start of a message */
  KS_START_MAYBE,    /* nothing speaks against it yet; more bytes will tell */
  KS_START_REQUEST,  /* method, space, and a target that begins like one */
  KS_START_RESPONSE, /* HTTP/1.x and three digits */
};

enum ks_method {
  KS_METHOD_OTHER = 0,
  KS_METHOD_HEAD = 1,
  KS_METHOD_CONNECT = 2,
};

enum ks_scan_result {
  KS_SCAN_MORE,     /* no end so far */
  KS_SCAN_HEAD_END, /* `position` is behind the blank line */
  KS_SCAN_NOT_HTTP, /* the first line is no start line */
};

/* What the fields of the head in progress have said. */
struct ks_head {
  ks_u64 content_length;
  ks_u16 status;
  ks_u8 is_response;
  ks_u8 method; /* enum ks_method */
  ks_u8 has_start_line;
  ks_u8 has_content_length;
  ks_u8 has_transfer_encoding;
  ks_u8 has_bad_length;
};

struct ks_scan {
  ks_u64 number;          /* of the Content-Length field that is being read */
  ks_u32 number_position; /* its next character */
  ks_u32 number_end;      /* behind its last one; 0 when none is being read */
  ks_u32 position;        /* the next byte to look at */
  ks_u32 end;             /* behind the last byte */
  ks_u32 line;            /* where the current line begins */
  ks_u8 line_is_cut;      /* it begins before `line`, out of reach */
  ks_u8 result;           /* enum ks_scan_result */
  ks_u8 number_digits;
  ks_u8 number_is_over;
};

/* Makes a scan of [begin, end) whose first line began `line_bytes` before `begin` (or before that,
 * if cut). */
static inline __attribute__((always_inline)) void ks_begin_scan(struct ks_scan* scan, ks_u32 begin,
                                                                ks_u32 end, ks_u32 line_bytes,
                                                                ks_u8 line_is_cut) {
  scan->position = begin;
  scan->end = end;
  scan->line = begin - line_bytes;
  scan->line_is_cut = line_is_cut;
  scan->result = KS_SCAN_MORE;
  scan->number_end = 0;
}

static inline __attribute__((always_inline)) ks_u64 ks_load64(const ks_u8* bytes) {
#ifdef __bpf__
  /* A memcpy would become eight single loads: the target does not know that unaligned is fine. */
  return *(const ks_u64*)bytes;
#else
  ks_u64 word;
  __builtin_memcpy(&word, bytes, sizeof word);
  return word;
#endif
}

static inline __attribute__((always_inline)) void ks_store64(ks_u8* bytes, ks_u64 word) {
#ifdef __bpf__
  *(ks_u64*)bytes = word;
#else
  __builtin_memcpy(bytes, &word, sizeof word);
#endif
}

static inline __attribute__((always_inline)) ks_u8 ks_byte(const ks_u8* window, ks_u32 position) {
  return window[position & KS_WINDOW_MASK];
}

static inline __attribute__((always_inline)) ks_u64 ks_word(const ks_u8* window, ks_u32 position) {
  return ks_load64(window + (position & KS_WINDOW_MASK));
}

/* The high bit of each byte that is a newline. Exact: no borrow crosses bytes. */
static inline __attribute__((always_inline)) ks_u64 ks_newlines(ks_u64 word) {
  const ks_u64 low = 0x7f7f7f7f7f7f7f7fULL;
  const ks_u64 x = word ^ 0x0a0a0a0a0a0a0a0aULL;
  return ~(((x & low) + low) | x | low);
}

/* Which byte the lowest set high bit is in (BPF has no count-trailing-zeros). */
static inline __attribute__((always_inline)) ks_u32 ks_first_marked(ks_u64 marks) {
  return (ks_u32)((((marks & -marks) >> 7) * 0x0001020304050607ULL) >> 56);
}

/* Up to eight characters as the number that ks_load64() reads for them. */
#define KS_TEXT8(a, b, c, d, e, f, g, h)                                                        \
  ((ks_u64)(a) | (ks_u64)(b) << 8 | (ks_u64)(c) << 16 | (ks_u64)(d) << 24 | (ks_u64)(e) << 32 | \
   (ks_u64)(f) << 40 | (ks_u64)(g) << 48 | (ks_u64)(h) << 56)

static inline __attribute__((always_inline)) int ks_is_method_letter(ks_u8 c) {
  return (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
}

static inline __attribute__((always_inline)) int ks_is_digit(ks_u8 c) {
  return c >= '0' && c <= '9';
}

/* Judges the bytes [begin, end) of the window as the start of a message, and keeps in `head` what
 * the start tells. Reads at most the first 32 bytes. */
static inline __attribute__((always_inline)) enum ks_start ks_guess_start(const ks_u8* window,
                                                                          ks_u32 begin, ks_u32 end,
                                                                          struct ks_head* head) {
  /* RFC 9112 2.2: some clients send a line end too many before a request. */
  for (int i = 0; i < KS_LEADING_NEWLINES_MAX; i++) {
    const ks_u8 c = ks_byte(window, begin);
    if (begin >= end || (c != '\r' && c != '\n')) break;
    begin++;
  }
  if (begin >= end) return KS_START_MAYBE;
  const ks_u32 length = end - begin;
  const ks_u64 first = ks_word(window, begin);

  const ks_u64 version = KS_TEXT8('H', 'T', 'T', 'P', '/', '1', '.', 0);
  if (length < 7) {
    const ks_u64 mask = (1ULL << (8 * length)) - 1;
    if ((first & mask) == (version & mask)) return KS_START_MAYBE;
  } else if ((first & 0x00ffffffffffffffULL) == version) {
    if (length < 12) return KS_START_MAYBE;
    const ks_u64 status = ks_word(window, begin + 8);
    const ks_u8 hundreds = (ks_u8)(status >> 8), tens = (ks_u8)(status >> 16),
                ones = (ks_u8)(status >> 24);
    if (!ks_is_digit((ks_u8)(first >> 56)) || (ks_u8)status != ' ' || !ks_is_digit(hundreds) ||
        !ks_is_digit(tens) || !ks_is_digit(ones))
      return KS_START_NO;
    head->status = (ks_u16)((hundreds - '0') * 100 + (tens - '0') * 10 + (ones - '0'));
    head->is_response = 1;
    return KS_START_RESPONSE;
  }

  if (!ks_is_method_letter((ks_u8)first)) return KS_START_NO;
  ks_u32 space = 1;
  for (; space <= KS_METHOD_BYTES_MAX; space++) {
    if (space >= length) return KS_START_MAYBE;
    const ks_u8 c = ks_byte(window, begin + space);
    if (c == ' ') break;
    if (!ks_is_method_letter(c)) return KS_START_NO;
  }
  if (space > KS_METHOD_BYTES_MAX) return KS_START_NO;
  if (space + 1 >= length) return KS_START_MAYBE;
  head->is_response = 0;
  head->method = KS_METHOD_OTHER;
  if (first == KS_TEXT8('C', 'O', 'N', 'N', 'E', 'C', 'T', ' ')) {
    head->method = KS_METHOD_CONNECT;
    return KS_START_REQUEST; /* the target is a host, of any form */
  }
  if ((first & 0xffffffffffULL) == KS_TEXT8('H', 'E', 'A', 'D', ' ', 0, 0, 0))
    head->method = KS_METHOD_HEAD;
  /* origin-form, asterisk-form, absolute-form (http...) */
  const ks_u8 target = ks_byte(window, begin + space + 1);
  if (target == '/' || target == '*' || (target | 0x20) == 'h') return KS_START_REQUEST;
  return KS_START_NO;
}

/* One character of a Content-Length field; the number is complete when the characters are used up.
 * Its own steps of the scan, with all state in memory: as a loop within a step it would be walked
 * by the verifier once for each combination of digits and spaces ("BPF program is too large"). */
static inline __attribute__((always_inline)) void ks_take_length_step(const ks_u8* window,
                                                                      struct ks_scan* scan,
                                                                      struct ks_head* head) {
  if (scan->number_position < scan->number_end) {
    const ks_u8 c = ks_byte(window, scan->number_position);
    scan->number_position++;
    if (c == ' ' || c == '\t') {
      if (scan->number_digits != 0) scan->number_is_over = 1;
    } else if (!ks_is_digit(c) || scan->number_is_over || scan->number_digits >= 18) {
      head->has_bad_length = 1;
      scan->number_end = 0;
    } else {
      scan->number = scan->number * 10 + (ks_u64)(c - '0');
      scan->number_digits++;
    }
    return;
  }
  scan->number_end = 0;
  if (scan->number_digits == 0 ||
      (head->has_content_length && head->content_length != scan->number))
    head->has_bad_length = 1;
  head->content_length = scan->number;
  head->has_content_length = 1;
}

/* Judges the line whose newline stands at `newline`. */
static inline __attribute__((always_inline)) enum ks_scan_result ks_take_line(
    const ks_u8* window, struct ks_scan* scan, ks_u32 newline, struct ks_head* head) {
  const ks_u32 line = scan->line;
  ks_u32 end = newline;
  if (end > line && ks_byte(window, end - 1) == '\r') end--;

  if (end == line && !scan->line_is_cut) {
    /* Blank lines before the start line are the sender's mistake, not the end. */
    return head->has_start_line ? KS_SCAN_HEAD_END : KS_SCAN_MORE;
  }
  if (!head->has_start_line) {
    head->has_start_line = 1;
    if (head->is_response) return KS_SCAN_MORE;
    if (!scan->line_is_cut && end - line < 9) return KS_SCAN_NOT_HTTP;
    const ks_u64 version = ks_word(window, end - 8);
    if ((version & 0x00ffffffffffffffULL) != KS_TEXT8('H', 'T', 'T', 'P', '/', '1', '.', 0) ||
        !ks_is_digit((ks_u8)(version >> 56)) || ks_byte(window, end - 9) != ' ')
      return KS_SCAN_NOT_HTTP;
    return KS_SCAN_MORE;
  }
  if (scan->line_is_cut || end - line < 15) return KS_SCAN_MORE;
  const ks_u64 lower = 0x2020202020202020ULL;
  const ks_u64 name = ks_word(window, line) | lower;
  if (name == KS_TEXT8('c', 'o', 'n', 't', 'e', 'n', 't', '-')) {
    const ks_u64 rest = (ks_word(window, line + 8) | lower) & 0x00ffffffffffffffULL;
    if (rest == KS_TEXT8('l', 'e', 'n', 'g', 't', 'h', ':', 0)) {
      scan->number = 0;
      scan->number_position = line + 15;
      scan->number_end = end;
      scan->number_digits = 0;
      scan->number_is_over = 0;
    }
  } else if (name == KS_TEXT8('t', 'r', 'a', 'n', 's', 'f', 'e', 'r')) {
    const ks_u64 rest = ks_word(window, line + 8) | lower;
    if (rest == (KS_TEXT8('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n') | lower))
      head->has_transfer_encoding = 1;
  }
  return KS_SCAN_MORE;
}

/* One step of the scan: 32 bytes, or one line if it ends within them, or a character of a length.
 * Returns 1 when the scan is over. */
static inline __attribute__((always_inline)) int ks_scan_step(const ks_u8* window,
                                                              struct ks_scan* scan,
                                                              struct ks_head* head) {
  ks_u32 position = scan->position;
  if (scan->number_end != 0) {
    ks_take_length_step(window, scan, head);
    return 0;
  }
  if (position >= scan->end) return 1;
  ks_u64 marks = 0;
  /* Unrolled by hand: a loop here multiplies the verifier's work. */
  if ((marks = ks_newlines(ks_word(window, position))) == 0) {
    position += 8;
    if ((marks = ks_newlines(ks_word(window, position))) == 0) {
      position += 8;
      if ((marks = ks_newlines(ks_word(window, position))) == 0) {
        position += 8;
        if ((marks = ks_newlines(ks_word(window, position))) == 0) {
          position += 8;
          scan->position = position < scan->end ? position : scan->end;
          return 0;
        }
      }
    }
  }
  position += ks_first_marked(marks);
  if (position >= scan->end) {
    scan->position = scan->end;
    return 1;
  }
  scan->result = (ks_u8)ks_take_line(window, scan, position, head);
  scan->position = position + 1;
  scan->line = position + 1;
  scan->line_is_cut = 0;
  return scan->result != KS_SCAN_MORE;
}

#endif
