/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * What programs on gRPC's C core say of their calls: the stream's number and its method, which the wire does
 * not tell on connections that are older than the agent.
 *
 * The connection is the socket whose file descriptor the transport's endpoint holds. An endpoint that is
 * none on a TCP socket (TLS, a test's) is told by its table of functions, and not believed.
 *
 * Uprobe programs may be preempted anywhere, so all they have is their stack.
 */
#ifndef KERNSPAN_BPF_GRPC_CORE_BPF_H
#define KERNSPAN_BPF_GRPC_CORE_BPF_H

#include "bpf/user_program.bpf.h"

enum {
  /* grpc_slice: a pointer to who counts its references, then length and pointer; without it, a byte of length
   * and the text itself. */
  KS_CORE_SLICE_LENGTH = 8,
  KS_CORE_SLICE_TEXT = 16,
  KS_CORE_SLICE_INLINED = 9,
};

static __always_inline void ks_set_core_method(struct ks_grpc_call_event* event, ks_u64 slice) {
  const bool is_inlined = !ks_user_word(slice);
  ks_u64 bytes = ks_user_word(slice + KS_CORE_SLICE_LENGTH);
  if (is_inlined) bytes &= 0xff;
  ks_set_method(
      event, is_inlined ? slice + KS_CORE_SLICE_INLINED : ks_user_word(slice + KS_CORE_SLICE_TEXT),
      bytes);
}

/* `transport`: grpc_chttp2_transport. `loaded`: by how much the library's addresses are higher than those
 * that it is linked for. */
static __always_inline void ks_tell_core_call(const struct ks_grpc_core_layout* layout, ks_u32 role,
                                              ks_u64 transport, ks_u32 id, ks_u64 slice,
                                              ks_u64 loaded) {
  const ks_u64 endpoint = ks_user_word(transport + layout->transport_endpoint);
  if (ks_user_word(endpoint) != layout->tcp_functions + loaded) {
    ks_count(KS_COUNT_CALL_NO_SOCKET);
    return;
  }
  const ks_u32 fd = ks_user_word(endpoint + layout->tcp_fd);
  const struct ks_program_socket socket = ks_socket_of_fd(fd, role == KS_GRPC_CLIENT);
  if (!socket.cookie) {
    ks_count(KS_COUNT_CALL_NO_SOCKET);
    return;
  }
  struct ks_grpc_call_event* event =
      KS_RESERVE(ks_grpc_call_event, KS_EVENT_GRPC_CALL, KS_COUNT_RING_FULL_CALL);
  if (!event) return;
  const ks_u64 pid_tgid = bpf_get_current_pid_tgid();
  event->socket_cookie = socket.cookie;
  event->tgid = pid_tgid >> 32;
  event->tid = (ks_u32)pid_tgid;
  event->stream = id;
  event->role = role;
  ks_set_core_method(event, slice);
  ks_submit(event);
}

/* The path of a request is about to be encoded. */
static __always_inline void on_core_encode(ks_u64 slot, ks_u64 framer, ks_u64 slice, ks_u64 point) {
  const ks_u32 key = slot;
  const struct ks_grpc_core_layout* layout = bpf_map_lookup_elem(&core_layouts, &key);
  if (!layout) return;
  const ks_u32 id = ks_user_word(framer + layout->framer_stream_id);
  const ks_u64 compressor = ks_user_word(framer + layout->framer_compressor);
  if (!id || !compressor) return;
  ks_tell_core_call(layout, KS_GRPC_CLIENT, compressor - layout->transport_compressor, id, slice,
                    point - layout->client_point);
}

/* Whoever waits for a stream's first metadata may get them now: once they are there that is so, once for each
 * stream. A client's are those of the answer, which have no path. */
static __always_inline void on_core_metadata(ks_u64 slot, ks_u64 transport, ks_u64 stream,
                                             ks_u64 point) {
  const ks_u32 key = slot;
  const struct ks_grpc_core_layout* layout = bpf_map_lookup_elem(&core_layouts, &key);
  if (!layout) return;
  if (!ks_user_word(stream + layout->stream_ready)) return;
  if (!(ks_u32)ks_user_word(stream + layout->stream_published)) return;
  const ks_u64 metadata = stream + layout->stream_metadata;
  const ks_u32 id = ks_user_word(stream + layout->stream_id);
  if (!id || !(ks_user_word(metadata) & layout->path_bit)) return;
  ks_tell_core_call(layout, KS_GRPC_SERVER, transport, id, metadata + layout->path,
                    point - layout->server_point);
}

#endif
