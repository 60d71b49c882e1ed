/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * What grpc-go programs say of their calls: the stream's number, its method, and the goroutine that has
 * opened it or begins to handle it. The wire does not always tell the method (connections older than the agent),
 * and never the goroutine (one loop writes all streams of a connection, one reads them).
 *
 * The connection is the socket with the file descriptor that the transport's net.Conn holds. A user's own
 * type of connection has something else there: only a socket with the port that the same structure says is
 * believed. It is the port of the client's end, which another socket with this descriptor would not have.
 *
 * Uprobe programs may be preempted anywhere, so all they have is their stack.
 */
#ifndef KERNSPAN_BPF_GRPC_GO_BPF_H
#define KERNSPAN_BPF_GRPC_GO_BPF_H

#include "bpf/core_fixes.bpf.h"
#include "bpf/lifecycle.bpf.h"

enum {
  KS_GO_INTERFACE_DATA = 8, /* behind the type */
  KS_GO_STRING_LENGTH = 8,  /* behind the pointer */
  KS_GO_TCP_ADDR_PORT = 24, /* net.TCPAddr: behind the slice of the address */
  /* A net.Conn may be a structure that begins with the net.Conn that it wraps (a listener's limit, a
   * multiplexer by protocol). */
  KS_GO_CONN_WRAPS_MAX = 2,
  KS_S_IFMT = 0170000,
  KS_S_IFSOCK = 0140000,
};

/* What is needed of a socket. */
struct ks_go_socket {
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
static __always_inline struct ks_go_socket ks_socket_of_fd(ks_u64 number, bool is_client) {
  struct ks_go_socket found = {};
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

/* The cookie of the socket that the net.Conn at this address is; 0: not known. */
static __always_inline ks_u64 ks_go_connection(const struct ks_go_layout* layout, ks_u64 conn,
                                               bool is_client) {
  for (int i = 0; i < KS_GO_CONN_WRAPS_MAX; i++) {
    /* net.TCPConn has a single field, the pointer to its netFD. */
    conn = ks_user_word(conn + KS_GO_INTERFACE_DATA);
    const ks_u64 fd = ks_user_word(conn);
    if (!fd) return 0;
    const struct ks_go_socket socket =
        ks_socket_of_fd(ks_user_word(fd + layout->fd_sysfd), is_client);
    if (!socket.cookie) continue;
    const ks_u32 end = is_client ? layout->fd_local : layout->fd_remote;
    const ks_u64 address = ks_user_word(fd + end + KS_GO_INTERFACE_DATA);
    if (ks_user_word(address + KS_GO_TCP_ADDR_PORT) == socket.client_port) return socket.cookie;
  }
  return 0;
}

static __always_inline void ks_set_method(struct ks_grpc_call_event* event, ks_u64 text) {
  const ks_u64 begin = ks_user_word(text);
  ks_u64 bytes = ks_user_word(text + KS_GO_STRING_LENGTH);
  if (bytes > KS_GRPC_METHOD_BYTES_MAX) {
    ks_count(KS_COUNT_CALL_METHOD_CUT);
    return;
  }
  if (bpf_probe_read_user(event->method, bytes, (const void*)begin)) {
    ks_count(KS_COUNT_READ_FAILED);
    return;
  }
  event->method_bytes = bytes;
}

/* `stream`: what NewStream returns or handleStream takes. `transport`: the http2Server; a client's is
 * found through the stream. */
static __always_inline void on_grpc_call(ks_u64 slot, ks_u32 role, ks_u64 goroutine, ks_u64 stream,
                                         ks_u64 transport) {
  const ks_u32 key = slot;
  const struct ks_go_layout* layout = bpf_map_lookup_elem(&go_layouts, &key);
  /* No stream: the call failed before it had one. */
  if (!layout || !stream) return;
  const bool is_client = role == KS_GRPC_CLIENT;
  if (is_client) transport = ks_user_word(stream + layout->stream_client);
  if (layout->stream_is_indirect) stream = ks_user_word(stream);
  /* 0: served through net/http, which has its own numbers. */
  const ks_u32 id = ks_user_word(stream + layout->stream_id);
  if (!id) return;
  const ks_u64 goroutine_id = ks_user_word(goroutine + layout->goroutine_id);
  const ks_u64 cookie = ks_go_connection(
      layout, transport + (is_client ? layout->client_conn : layout->server_conn), is_client);
  if (!cookie || !goroutine_id) {
    ks_count(KS_COUNT_CALL_NO_SOCKET);
    return;
  }
  struct ks_grpc_call_event* event =
      KS_RESERVE(ks_grpc_call_event, KS_EVENT_GRPC_CALL, KS_COUNT_RING_FULL_CALL);
  if (!event) return;
  const ks_u64 pid_tgid = bpf_get_current_pid_tgid();
  event->socket_cookie = cookie;
  event->goroutine = goroutine;
  event->goroutine_id = goroutine_id;
  if (layout->parent_goroutine_id != KS_GO_ABSENT)
    event->parent_goroutine_id = ks_user_word(goroutine + layout->parent_goroutine_id);
  event->tgid = pid_tgid >> 32;
  event->tid = (ks_u32)pid_tgid;
  event->stream = id;
  event->role = role;
  ks_set_method(event, stream + layout->stream_method);
  ks_submit(event);
}

#endif
