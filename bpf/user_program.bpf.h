/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * What uprobe programs read of the process that they have stopped: its words, its sockets, and a call's
 * method.
 */
#ifndef KERNSPAN_BPF_USER_PROGRAM_BPF_H
#define KERNSPAN_BPF_USER_PROGRAM_BPF_H

#include "bpf/core_fixes.bpf.h"
#include "bpf/lifecycle.bpf.h"

enum {
  KS_S_IFMT = 0170000,
  KS_S_IFSOCK = 0140000,
};

/* What is needed of a socket. */
struct ks_program_socket {
  ks_u64 cookie;      /* 0: none */
  ks_u64 client_port; /* the local one of a client's socket, the remote one of a server's */
};

/* 0 where it cannot be read. */
static __always_inline ks_u64 ks_user_word(ks_u64 address) {
  ks_u64 word = 0;
  if (bpf_probe_read_user(&word, sizeof word, (const void*)address)) return 0;
  return word;
}

/* The TCP socket behind a descriptor of the current process. */
static __always_inline struct ks_program_socket ks_socket_of_fd(ks_u64 number, bool is_client) {
  struct ks_program_socket found = {};
  const struct task_struct* task = bpf_get_current_task_btf();
  const struct fdtable* table = task->files->fdt;
  if (number >= table->max_fds) return found;
  const void* file = ks_kernel_pointer_at((const char*)table->fd + number * sizeof(void*));
  if (!file) return found;
  const void* inode = 0;
  const void* socket = 0;
  const void* sk = 0;
  ks_u16 mode = 0, family = 0, protocol = 0;
  KS_KERNEL_FIELD(inode, struct file, file, f_inode);
  KS_KERNEL_FIELD(socket, struct file, file, private_data);
  if (!inode || !socket) return found;
  KS_KERNEL_FIELD(mode, struct inode, inode, i_mode);
  if ((mode & KS_S_IFMT) != KS_S_IFSOCK) return found;
  KS_KERNEL_FIELD(sk, struct socket, socket, sk);
  if (!sk) return found;
  KS_KERNEL_FIELD(family, struct sock, sk, __sk_common.skc_family);
  KS_KERNEL_FIELD(protocol, struct sock, sk, sk_protocol);
  if ((family != KS_AF_INET && family != KS_AF_INET6) || protocol != KS_IPPROTO_TCP) return found;
  ks_u16 port = 0;
  if (is_client) {
    KS_KERNEL_FIELD(port, struct sock, sk, __sk_common.skc_num);
  } else {
    KS_KERNEL_FIELD(port, struct sock, sk, __sk_common.skc_dport);
    port = __builtin_bswap16(port);
  }
  found.client_port = port;
  KS_KERNEL_FIELD(found.cookie, struct sock, sk, __sk_common.skc_cookie.counter);
  return found;
}

static __always_inline void ks_set_method(struct ks_grpc_call_event* event, ks_u64 text,
                                          ks_u64 bytes) {
  if (bytes > KS_GRPC_METHOD_BYTES_MAX) {
    ks_count(KS_COUNT_CALL_METHOD_CUT);
    return;
  }
  if (bpf_probe_read_user(event->method, bytes, (const void*)text)) {
    ks_count(KS_COUNT_READ_FAILED);
    return;
  }
  event->method_bytes = bytes;
}

#endif
