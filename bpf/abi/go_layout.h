/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Where the fields of a Go program's structures stand, as the programs of bpf/grpc_go.bpf.h need them:
 * user space reads them from the executable (agent/golang/). Offsets in bytes from the structure's
 * first one.
 */
#ifndef KERNSPAN_BPF_ABI_GO_LAYOUT_H
#define KERNSPAN_BPF_ABI_GO_LAYOUT_H

#include "bpf/abi/events.h"

enum {
  /* Executables that are probed at a time: slots of the map `go_layouts`. */
  KS_GO_LAYOUTS_MAX = 64,
  /* The structure has no such field. */
  KS_GO_ABSENT = 0xffffffff,
};

struct ks_go_layout {
  /* runtime.g */
  ks_u32 goroutine_id;
  ks_u32 parent_goroutine_id; /* KS_GO_ABSENT before Go 1.21 */
  /* google.golang.org/grpc/internal/transport.Stream. What NewStream returns and what handleStream
   * takes is a Stream, or begins with one, or (1) with a pointer to one. */
  ks_u32 stream_is_indirect;
  ks_u32 stream_id;
  ks_u32 stream_method;
  /* The pointer to the http2Client, in what NewStream returns. */
  ks_u32 stream_client;
  /* The net.Conn of the http2Client and of the http2Server. */
  ks_u32 client_conn;
  ks_u32 server_conn;
  /* net.netFD */
  ks_u32 fd_sysfd;
  ks_u32 fd_local;
  ks_u32 fd_remote;
  ks_u32 reserved;
};
KS_STATIC_ASSERT(sizeof(struct ks_go_layout) == 48);

#endif
