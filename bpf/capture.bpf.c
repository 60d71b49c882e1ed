/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The capture programs: entries that unpack arguments, nothing else. agent/probes/attach_table.h
 * says which of them belong together and which are tried first; none is loaded unless asked for.
 */
#include <vmlinux.h>

#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "bpf/grpc_core.bpf.h"
#include "bpf/grpc_go.bpf.h"
#include "bpf/lifecycle.bpf.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Kernel 6.3 and later (6e6eda44b939 "sock: add tracepoint for send recv length"). */
SEC("?tp_btf/sock_send_length")
int BPF_PROG(tp_send, struct sock* sk, int ret, int flags) {
  on_transfer(sk, ret, 0, KS_SEND, KS_SLOT_SEND);
  return 0;
}

SEC("?tp_btf/sock_recv_length")
int BPF_PROG(tp_recv, struct sock* sk, int ret, int flags) {
  on_transfer(sk, ret, flags, KS_RECV, KS_SLOT_RECV);
  return 0;
}

SEC("?fexit/tcp_sendmsg")
int BPF_PROG(fexit_send, struct sock* sk, struct msghdr* message, unsigned long size, int ret) {
  on_transfer(sk, ret, 0, KS_SEND, KS_SLOT_SEND);
  return 0;
}

SEC("?fexit/tcp_recvmsg")
int BPF_PROG(fexit_recv, struct sock* sk, struct msghdr* message, unsigned long size, int flags,
             int* address_bytes, int ret) {
  on_transfer(sk, ret, flags, KS_RECV, KS_SLOT_RECV);
  return 0;
}

/* sendfile before kernel 6.5 (dc97391e6610 "sock: Remove ->sendpage*() in favour of
 * MSG_SPLICE_PAGES"). */
SEC("?fexit/tcp_sendpage")
int BPF_PROG(fexit_sendpage, struct sock* sk, struct page* page, int offset, unsigned long size,
             int flags, int ret) {
  on_transfer(sk, ret, 0, KS_SEND, KS_SLOT_SENDPAGE);
  return 0;
}

SEC("?tp_btf/inet_sock_set_state")
int BPF_PROG(tp_state, struct sock* sk, int old_state, int new_state) {
  on_state(sk, old_state, new_state);
  return 0;
}

SEC("?tp_btf/sched_process_exec")
int BPF_PROG(tp_exec, struct task_struct* task, int old_pid, struct linux_binprm* program) {
  on_exec(task);
  return 0;
}

SEC("?tp_btf/sched_process_fork")
int BPF_PROG(tp_fork, struct task_struct* parent, struct task_struct* child) {
  on_fork(parent, child);
  return 0;
}

SEC("?tp_btf/sched_process_exit")
int BPF_PROG(tp_exit, struct task_struct* task) {
  on_exit(task);
  return 0;
}

SEC("?tp_btf/cgroup_mkdir")
int BPF_PROG(tp_cgroup_make, struct cgroup* cgroup, const char* path) {
  on_cgroup(cgroup, path, 0);
  return 0;
}

/* A process is moved with all its threads, or with one of them, of which the first stands for it. */
SEC("?tp_btf/cgroup_attach_task")
int BPF_PROG(tp_cgroup_move, struct cgroup* cgroup, const char* path, struct task_struct* task,
             bool with_all_threads) {
  if (task->pid == task->tgid) on_cgroup(cgroup, path, task->tgid);
  return 0;
}

SEC("?tp_btf/sched_switch")
int BPF_PROG(tp_switch, bool is_preempted, struct task_struct* previous) {
  on_switch(is_preempted, previous);
  return 0;
}

/* Every open file of every process: gives TCP sockets the number that they are known by, which they have only
 * since somebody asked. on_grpc_call() can read it and cannot ask. */
SEC("?iter/task_file")
int number_sockets(struct bpf_iter__task_file* context) {
  struct file* file = context->file;
  if (!file) return 0;
  struct socket* socket = bpf_sock_from_file(file);
  if (socket && socket->sk && ks_is_tcp(socket->sk)) bpf_get_socket_cookie(socket->sk);
  return 0;
}

/* Each probe comes twice: attached as one link with many places (uprobe.multi, kernel 6.6), which CAP_BPF and
 * CAP_PERFMON allow, and one by one through perf events, for which newer kernels want CAP_SYS_ADMIN. */

/* Where google.golang.org/grpc/internal/transport.(*http2Client).NewStream has returned, or is about to:
 * the stream, or nil, in AX. */
SEC("?uprobe")
int go_new_stream(struct pt_regs* regs) {
  on_grpc_call(bpf_get_attach_cookie(regs), KS_GRPC_CLIENT, regs->r14, regs->ax, 0);
  return 0;
}

SEC("?uprobe.multi")
int go_new_stream_m(struct pt_regs* regs) {
  on_grpc_call(bpf_get_attach_cookie(regs), KS_GRPC_CLIENT, regs->r14, regs->ax, 0);
  return 0;
}

/* At the beginning of google.golang.org/grpc.(*Server).handleStream(transport, stream): the
 * receiver in AX, the transport's two words in BX and CX, the stream in DI. */
SEC("?uprobe")
int go_handle(struct pt_regs* regs) {
  on_grpc_call(bpf_get_attach_cookie(regs), KS_GRPC_SERVER, regs->r14, regs->di, regs->cx);
  return 0;
}

SEC("?uprobe.multi")
int go_handle_m(struct pt_regs* regs) {
  on_grpc_call(bpf_get_attach_cookie(regs), KS_GRPC_SERVER, regs->r14, regs->di, regs->cx);
  return 0;
}

/* At the beginning of grpc_core::HPackCompressor::Framer::Encode(HttpPathMetadata, const Slice&): the Framer
 * in DI, the path in SI (HttpPathMetadata is empty, and takes no register). */
SEC("?uprobe")
int core_encode(struct pt_regs* regs) {
  on_core_encode(bpf_get_attach_cookie(regs), regs->di, regs->si, regs->ip);
  return 0;
}

/* At the beginning of grpc_chttp2_maybe_complete_recv_initial_metadata(transport, stream). */
SEC("?uprobe")
int core_metadata(struct pt_regs* regs) {
  on_core_metadata(bpf_get_attach_cookie(regs), regs->di, regs->si, regs->ip);
  return 0;
}

SEC("?uprobe.multi")
int core_encode_m(struct pt_regs* regs) {
  on_core_encode(bpf_get_attach_cookie(regs), regs->di, regs->si, regs->ip);
  return 0;
}

SEC("?uprobe.multi")
int core_metadata_m(struct pt_regs* regs) {
  on_core_metadata(bpf_get_attach_cookie(regs), regs->di, regs->si, regs->ip);
  return 0;
}
