/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Which user memory a transfer was copied from or to: the registers of the system call in progress
 * say it, so that no hook on the call's entry is needed.
 */
#ifndef KERNSPAN_BPF_USER_BUFFER_BPF_H
#define KERNSPAN_BPF_USER_BUFFER_BPF_H

#include "bpf/maps.bpf.h"

/* arch/x86/include/generated/uapi/asm/unistd_64.h */
enum ks_syscall {
  KS_SYS_READ = 0,
  KS_SYS_WRITE = 1,
  KS_SYS_READV = 19,
  KS_SYS_WRITEV = 20,
  KS_SYS_SENDFILE = 40,
  KS_SYS_SENDTO = 44,
  KS_SYS_RECVFROM = 45,
  KS_SYS_SENDMSG = 46,
  KS_SYS_RECVMSG = 47,
  KS_SYS_SPLICE = 275,
  KS_SYS_PREADV = 295,
  KS_SYS_PWRITEV = 296,
  KS_SYS_RECVMMSG = 299,
  KS_SYS_SENDMMSG = 307,
  KS_SYS_PREADV2 = 327,
  KS_SYS_PWRITEV2 = 328,
  KS_SYS_IO_URING_ENTER = 426,
};

enum {
  KS_PF_IO_WORKER = 0x00000010, /* linux/sched.h */
  KS_PF_KTHREAD = 0x00200000,
  KS_TS_COMPAT = 0x0002, /* asm/thread_info.h: in a 32-bit system call */
  KS_ENOSYS = 38,
};

/* Where in the window a copy may begin at most. */
enum {
  KS_COPY_TO_MAX = KS_HTTP2_INPUT + KS_HTTP2_INPUT_BYTES,
};

/* struct user_msghdr and struct mmsghdr in units of 8 bytes. */
enum {
  KS_MSGHDR_IOV = 2,
  KS_MSGHDR_IOV_COUNT = 3,
  KS_MSGHDR_WORDS = 4,
  KS_MMSGHDR_LENGTH = 7,
  KS_MMSGHDR_WORDS = 8,
};

/* Takes the segments from the array's `first` one on, as many as there is room for. `offset`: where in
 * the transfer the first one's first byte stands. Returns 0 if there are none or they cannot be read. */
static __always_inline int ks_load_segments(struct ks_source* source, ks_u32 first, ks_u64 offset) {
  ks_u32 count = 0;
  source->segment_count = KS_SEGMENTS_MAX; /* not 0, which means something else */
  source->first = first;
  source->first_offset = offset;
  source->end_offset = offset;
  __builtin_memset(source->segments, 0, sizeof source->segments);
  if (first >= source->array_count) return 0;
  count = source->array_count - first;
  if (count > KS_SEGMENTS_MAX) count = KS_SEGMENTS_MAX;
  /* One register for the check and the use ("R2 unbounded memory access" otherwise). */
  asm volatile("" : "+r"(count));
  if (bpf_probe_read_user(source->segments, count * sizeof(struct ks_segment),
                          (void*)(source->array + first * sizeof(struct ks_segment)))) {
    __builtin_memset(source->segments, 0, sizeof source->segments);
    return 0;
  }
  for (int i = 0; i < KS_SEGMENTS_MAX; i++) source->end_offset += source->segments[i].bytes;
  return 1;
}

static __always_inline int ks_read_segments(struct ks_source* source, ks_u64 array, ks_u64 count) {
  if (count > KS_ARRAY_MAX) count = KS_ARRAY_MAX;
  if (count == 0) return KS_COUNT_NO_BUFFER_SYSCALL;
  source->array = array;
  source->array_count = count;
  return ks_load_segments(source, 0, 0) ? -1 : KS_COUNT_READ_FAILED;
}

/* Fills `source`, or returns the counter (enum ks_counter) of the reason why that cannot be; -1:
 * found. */
static __always_inline int ks_find_source(struct ks_source* source, struct task_struct* task,
                                          const struct pt_regs* regs) {
  source->segment_count = 0;
  const unsigned int flags = task->flags;
  if (flags & KS_PF_KTHREAD) return KS_COUNT_NO_BUFFER_KERNEL;
  if (flags & KS_PF_IO_WORKER) return KS_COUNT_NO_BUFFER_IO_URING;
  if (task->thread_info.status & KS_TS_COMPAT) return KS_COUNT_NO_BUFFER_SYSCALL;
  if (!regs) return KS_COUNT_NO_BUFFER_SYSCALL;
  /* The kernel enters every system call with ax = -ENOSYS and sets it when the call is done:
   * anything else means that io_uring finishes its work (task_work) on the way out of some other
   * call, whose arguments are not ours. */
  if ((long)regs->ax != -KS_ENOSYS) return KS_COUNT_NO_BUFFER_IO_URING;

  switch (regs->orig_ax) {
    case KS_SYS_READ:
    case KS_SYS_WRITE:
    case KS_SYS_SENDTO:
    case KS_SYS_RECVFROM:
      source->base = regs->si;
      return -1;
    case KS_SYS_READV:
    case KS_SYS_WRITEV:
    case KS_SYS_PREADV:
    case KS_SYS_PWRITEV:
    case KS_SYS_PREADV2:
    case KS_SYS_PWRITEV2:
      return ks_read_segments(source, regs->si, regs->dx);
    case KS_SYS_SENDMSG:
    case KS_SYS_RECVMSG:
      if (bpf_probe_read_user(source->message, KS_MSGHDR_WORDS * 8, (void*)regs->si))
        return KS_COUNT_READ_FAILED;
      return ks_read_segments(source, source->message[KS_MSGHDR_IOV],
                              source->message[KS_MSGHDR_IOV_COUNT]);
    case KS_SYS_SENDMMSG:
    case KS_SYS_RECVMMSG:
      if (bpf_probe_read_user(source->message, KS_MMSGHDR_WORDS * 8, (void*)regs->si))
        return KS_COUNT_READ_FAILED;
      /* The kernel writes msg_len when a message is done: the first one's is set, so this is a
       * later one. (Or the caller left an old value there: then the first is counted as a later
       * one.) */
      if ((ks_u32)source->message[KS_MMSGHDR_LENGTH] != 0) return KS_COUNT_NO_BUFFER_MMSG_LATER;
      return ks_read_segments(source, source->message[KS_MSGHDR_IOV],
                              source->message[KS_MSGHDR_IOV_COUNT]);
    case KS_SYS_SENDFILE:
    case KS_SYS_SPLICE:
      return KS_COUNT_NO_BUFFER_SENDFILE;
    case KS_SYS_IO_URING_ENTER:
      return KS_COUNT_NO_BUFFER_IO_URING;
    default:
      return KS_COUNT_NO_BUFFER_SYSCALL;
  }
}

/* Copies from the segments at hand, as ks_copy_user(). */
__noinline ks_u32 ks_copy_segments(struct ks_scratch* work, ks_u32 to, ks_u64 offset,
                                   ks_u64 bytes) {
  if (!work || to > KS_COPY_TO_MAX) return 0;
  ks_u64 skip = offset - work->source.first_offset;
  ks_u32 done = 0;
  for (ks_u32 i = 0; i < KS_SEGMENTS_MAX; i++) {
    if (done >= bytes) break;
    const ks_u64 base = work->source.segments[i].base;
    const ks_u64 length = work->source.segments[i].bytes;
    if (skip >= length) {
      skip -= length;
      continue;
    }
    ks_u64 count = length - skip;
    if (count > bytes - done) count = bytes - done;
    /* The verifier does not relate count to done: bound each alone, out of the compiler's sight
     * ("R2 unbounded memory access"). */
    ks_u32 at = to + done;
    asm volatile("" : "+r"(count), "+r"(at));
    if (count > KS_CAPTURE_BYTES_MAX || at > KS_COPY_TO_MAX) break;
    if (bpf_probe_read_user(work->window + at, count, (void*)(base + skip))) break;
    done += count;
    skip = 0;
  }
  return done;
}

struct ks_copy {
  struct ks_scratch* work;
  ks_u64 offset;
  ks_u32 to;
  ks_u32 bytes;
  ks_u32 done;
  ks_u32 reserved;
};

/* Copies what the segments at hand have, then takes the next ones. */
static long ks_copy_round(ks_u32 index, struct ks_copy* copy) {
  struct ks_source* source = &copy->work->source;
  const ks_u64 at = copy->offset + copy->done;
  if (at < source->end_offset) {
    const ks_u32 got =
        ks_copy_segments(copy->work, copy->to + copy->done, at, copy->bytes - copy->done);
    copy->done += got;
    if (copy->done >= copy->bytes || at + got < source->end_offset) return 1;
  }
  return ks_load_segments(source, source->first + KS_SEGMENTS_MAX, source->end_offset) ? 0 : 1;
}

/* Copies `bytes` (at most KS_CAPTURE_BYTES_MAX) bytes of the transfer, from `offset` on, to the
 * window, at `to` (at most KS_COPY_TO_MAX). Returns how many it could. To go back behind the segments
 * at hand costs as much as to begin anew.
 *
 * This function and the other ones without `static` are verified once and alone, not again for
 * every way that leads to a call: 20 times less work at load (23,000 instructions instead of
 * 500,000). The price is that the verifier knows nothing of their arguments, hence the checks for
 * NULL. */
__noinline ks_u32 ks_copy_user(struct ks_scratch* work, ks_u32 to, ks_u32 offset, ks_u64 bytes) {
  if (!work) return 0;
  if (bytes > KS_CAPTURE_BYTES_MAX) bytes = KS_CAPTURE_BYTES_MAX;
  /* One register for the check and the use ("R2 unbounded memory access" otherwise). */
  asm volatile("" : "+r"(bytes), "+r"(to));
  if (to > KS_COPY_TO_MAX) return 0;
  struct ks_source* source = &work->source;
  if (source->segment_count == 0) {
    if (bpf_probe_read_user(work->window + to, bytes, (void*)(source->base + offset))) return 0;
    return bytes;
  }
  if (offset < source->first_offset && !ks_load_segments(source, 0, 0)) return 0;
  ks_u32 done = 0;
  if (offset < source->end_offset) {
    /* Nearly always these are enough, and a call costs less than a loop. */
    done = ks_copy_segments(work, to, offset, bytes);
    if (done >= bytes || offset + done < source->end_offset) return done;
  }
  struct ks_copy copy = {.work = work, .offset = offset, .to = to, .bytes = bytes, .done = done};
  bpf_loop(KS_ARRAY_MAX / KS_SEGMENTS_MAX + 1, ks_copy_round, &copy, 0);
  return copy.done;
}

#endif
