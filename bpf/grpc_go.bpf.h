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

#include "bpf/user_program.bpf.h"

enum {
  KS_GO_INTERFACE_DATA = 8, /* behind the type */
  KS_GO_STRING_LENGTH = 8,  /* behind the pointer */
  KS_GO_TCP_ADDR_PORT = 24, /* net.TCPAddr: behind the slice of the address */
  /* A net.Conn may be a structure that begins with the net.Conn that it wraps (a listener's limit, a
   * multiplexer by protocol). */
  KS_GO_CONN_WRAPS_MAX = 2,
};

/* The cookie of the socket that the net.Conn at this address is; 0: not known. */
static __always_inline ks_u64 ks_go_connection(const struct ks_go_layout* layout, ks_u64 conn,
                                               bool is_client) {
  for (int i = 0; i < KS_GO_CONN_WRAPS_MAX; i++) {
    /* net.TCPConn has a single field, the pointer to its netFD. */
    conn = ks_user_word(conn + KS_GO_INTERFACE_DATA);
    const ks_u64 fd = ks_user_word(conn);
    if (!fd) return 0;
    const struct ks_program_socket socket =
        ks_socket_of_fd(ks_user_word(fd + layout->fd_sysfd), is_client);
    if (!socket.cookie) continue;
    const ks_u32 end = is_client ? layout->fd_local : layout->fd_remote;
    const ks_u64 address = ks_user_word(fd + end + KS_GO_INTERFACE_DATA);
    if (ks_user_word(address + KS_GO_TCP_ADDR_PORT) == socket.client_port) return socket.cookie;
  }
  return 0;
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
  const ks_u64 method = stream + layout->stream_method;
  ks_set_method(event, ks_user_word(method), ks_user_word(method + KS_GO_STRING_LENGTH));
  ks_submit(event);
}

#endif
