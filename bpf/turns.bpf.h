/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Turns of event loops. What a loop sends belongs to what it read last only as long as it has not
 * waited for events since: then a timer or another thread may have woken it. And not if it has read
 * an answer from a socket that nobody follows (a database). Both begin a new turn of the thread.
 * Waiting for a lock or a page does not, so counting all sleeps (task->nvcsw) would end turns too
 * early; that is the fallback where the scheduler's tracepoint cannot be had.
 */
#ifndef KERNSPAN_BPF_TURNS_BPF_H
#define KERNSPAN_BPF_TURNS_BPF_H

#include "bpf/user_buffer.bpf.h"

struct ks_thread {
  ks_u64 turn;
};

/* Threads that have used a followed socket; the kernel frees an entry with its thread. */
struct {
  __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct ks_thread);
} threads SEC(".maps");

/* The scheduler's hook is attached: it has run. */
volatile __u32 counts_turns = 0;

/* System calls that wait for events (arch/x86/entry/syscalls/syscall_64.tbl). */
static __always_inline bool ks_waits_for_events(unsigned long syscall) {
  switch (syscall) {
    case 7:   /* poll */
    case 23:  /* select */
    case 34:  /* pause */
    case 35:  /* nanosleep */
    case 230: /* clock_nanosleep */
    case 232: /* epoll_wait */
    case 270: /* pselect6 */
    case 271: /* ppoll */
    case 281: /* epoll_pwait */
    case 426: /* io_uring_enter */
    case 441: /* epoll_pwait2 */
      return true;
    default:
      return false;
  }
}

static __always_inline ks_u64 ks_turn_of(struct task_struct* task) {
  if (!counts_turns) return task->nvcsw;
  struct ks_thread* thread =
      bpf_task_storage_get(&threads, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
  if (!thread) return 0;
  /* Volatile: else the compiler shares one load with the one above, and the verifier refuses it ("same insn cannot be
   * used with different pointers"). */
  return *(volatile ks_u64*)&thread->turn;
}

/* The current thread has read from a socket that is not followed. */
static __always_inline void ks_read_unfollowed(void) {
  if (!counts_turns) return;
  struct ks_thread* thread = bpf_task_storage_get(&threads, bpf_get_current_task_btf(), 0, 0);
  if (thread) thread->turn++;
}

/* Runs at every context switch of the node. */
static __always_inline void on_switch(bool is_preempted, struct task_struct* previous) {
  if (!counts_turns) counts_turns = 1;
  if (is_preempted || previous->flags & KS_PF_KTHREAD) return;
  struct ks_thread* thread = bpf_task_storage_get(&threads, previous, 0, 0);
  if (!thread) return;
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(previous);
  if (regs && ks_waits_for_events(regs->orig_ax)) thread->turn++;
}

#endif
