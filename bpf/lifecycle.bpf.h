/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The lives of sockets and processes.
 */
#ifndef KERNSPAN_BPF_LIFECYCLE_BPF_H
#define KERNSPAN_BPF_LIFECYCLE_BPF_H

#include "bpf/cgroup.bpf.h"
#include "bpf/transfer.bpf.h"

/* include/net/tcp_states.h */
enum {
  KS_TCP_SYN_SENT = 2,
  KS_TCP_FIN_WAIT1 = 4,
  KS_TCP_CLOSE = 7,
  KS_TCP_LAST_ACK = 9,
};

/* In the context of the thread that calls connect(). */
static __always_inline void on_connect(struct sock* sk) {
  struct task_struct* task = bpf_get_current_task_btf();
  const ks_u64 pid_tgid = bpf_get_current_pid_tgid();
  if (task->flags & KS_PF_KTHREAD) return;
  if (!sees_connects) sees_connects = 1;
  struct ks_socket* socket = KS_MAKE_SOCKET_STORAGE(sockets, sk);
  if (socket) {
    /* A socket may be connected again after a failure, or to somebody else. */
    if (socket->protocol == KS_PROTOCOL_HTTP2) bpf_sk_storage_delete(&http2_sockets, sk);
    __builtin_memset(socket, 0, sizeof *socket);
    socket->is_from_first = 1;
    socket->is_connector = 1;
  } else {
    ks_count(KS_COUNT_NO_STORAGE);
  }
  if (ks_policy_ignores(pid_tgid >> 32)) return;
  struct ks_connect_event* event =
      KS_RESERVE(ks_connect_event, KS_EVENT_CONNECT, KS_COUNT_RING_FULL_CONNECT);
  if (!event) return;
  const struct pt_regs* regs = (const struct pt_regs*)bpf_task_pt_regs(task);
  event->socket_cookie = bpf_get_socket_cookie(sk);
  event->goroutine = regs ? regs->r14 : 0;
  event->turn = ks_turn_of(task);
  event->tgid = pid_tgid >> 32;
  event->tid = (ks_u32)pid_tgid;
  ks_submit(event);
}

static __always_inline void on_close(struct sock* sk, ks_u32 stage) {
  struct ks_socket* socket = bpf_sk_storage_get(&sockets, sk, 0, 0);
  if (!socket || !socket->is_reported) return;
  struct ks_close_event* event =
      KS_RESERVE(ks_close_event, KS_EVENT_CLOSE, KS_COUNT_RING_FULL_CLOSE);
  if (!event) return;
  event->socket_cookie = bpf_get_socket_cookie(sk);
  event->stage = stage;
  event->error = stage == KS_CLOSE_FINAL ? sk->sk_err : 0;
  ks_submit(event);
}

static __always_inline void on_state(struct sock* sk, int old_state, int new_state) {
  /* close() after shutdown() sets FIN_WAIT1 again. */
  if (old_state == new_state || !ks_is_tcp(sk)) return;
  if (new_state == KS_TCP_SYN_SENT) {
    on_connect(sk);
  } else if (new_state == KS_TCP_FIN_WAIT1 || new_state == KS_TCP_LAST_ACK) {
    on_close(sk, KS_CLOSE_WRITE);
  } else if (new_state == KS_TCP_CLOSE) {
    on_close(sk, KS_CLOSE_FINAL);
  }
}

/* The arguments have just been written to the new program's stack, so they are in memory. */
static __always_inline void on_exec(struct task_struct* task) {
  struct ks_exec_event* event =
      KS_RESERVE(ks_exec_event, KS_EVENT_EXEC, KS_COUNT_RING_FULL_PROCESS);
  if (!event) return;
  event->tgid = task->tgid;
  event->parent_tgid = task->real_parent->tgid;
  bpf_get_current_comm(event->comm, sizeof event->comm);
  const unsigned long start = task->mm->arg_start;
  unsigned long bytes = task->mm->arg_end - start;
  if (bytes > KS_ARGS_BYTES_MAX) bytes = KS_ARGS_BYTES_MAX;
  if (bpf_probe_read_user(event->args, bytes, (void*)start)) {
    ks_count(KS_COUNT_READ_FAILED);
    bytes = 0;
  }
  event->args_bytes = bytes;
  ks_cgroup_of(task, &event->cgroup);
  ks_submit(event);
}

static __always_inline void on_fork(struct task_struct* parent, struct task_struct* child) {
  if (child->pid != child->tgid) return; /* a thread */
  struct ks_fork_event* event =
      KS_RESERVE(ks_fork_event, KS_EVENT_FORK, KS_COUNT_RING_FULL_PROCESS);
  if (!event) return;
  event->tgid = child->tgid;
  event->parent_tgid = parent->tgid;
  ks_cgroup_of(child, &event->cgroup);
  ks_submit(event);
}

/* Threads of one process that exit at the same moment may each see none alive: user space may hear
 * of an exit twice. */
static __always_inline void on_exit(struct task_struct* task) {
  if (task->signal->live.counter != 0) return;
  struct ks_exit_event* event =
      KS_RESERVE(ks_exit_event, KS_EVENT_EXIT, KS_COUNT_RING_FULL_PROCESS);
  if (!event) return;
  event->tgid = task->tgid;
  ks_cgroup_of(task, &event->cgroup);
  ks_submit(event);
}

/* `tgid` 0: the cgroup is new. */
static __always_inline void on_cgroup(struct cgroup* cgroup, const char* path, ks_u32 tgid) {
  if (!ks_is_followed(cgroup->root)) return;
  struct ks_cgroup_event* event =
      KS_RESERVE(ks_cgroup_event, KS_EVENT_CGROUP, KS_COUNT_RING_FULL_PROCESS);
  if (!event) return;
  event->cgroup.id = cgroup->kn->id;
  event->cgroup.hierarchy = cgroup->root->hierarchy_id;
  event->tgid = tgid;
  ks_copy_kernel_text(event->path, path);
  ks_submit(event);
}

#endif
