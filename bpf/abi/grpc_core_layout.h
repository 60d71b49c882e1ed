/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Where the fields of the structures of gRPC's C core stand, as the programs of bpf/grpc_core.bpf.h need
 * them: user space knows them by the library's build (agent/grpc_core/). Offsets in bytes from the
 * structure's first one.
 */
#ifndef KERNSPAN_BPF_ABI_GRPC_CORE_LAYOUT_H
#define KERNSPAN_BPF_ABI_GRPC_CORE_LAYOUT_H

#include "bpf/abi/events.h"

enum {
  /* Builds of the library that are known: slots of the map `core_layouts`. */
  KS_GRPC_CORE_LAYOUTS_MAX = 8,
};

struct ks_grpc_core_layout {
  /* Addresses that the library is linked for: the first instructions of
   * grpc_core::HPackCompressor::Framer::Encode(HttpPathMetadata, const Slice&) and of
   * grpc_chttp2_maybe_complete_recv_initial_metadata(grpc_chttp2_transport*, grpc_chttp2_stream*), and the table
   * of functions that the endpoints on TCP sockets have (grpc_tcp_fd() names it). */
  ks_u64 client_point;
  ks_u64 server_point;
  ks_u64 tcp_functions;
  /* HPackCompressor::Framer */
  ks_u32 framer_stream_id;
  ks_u32 framer_compressor; /* the pointer to it */
  /* grpc_chttp2_transport */
  ks_u32 transport_endpoint;
  ks_u32 transport_compressor; /* the compressor itself */
  /* grpc_tcp */
  ks_u32 tcp_fd;
  /* grpc_chttp2_stream */
  ks_u32 stream_id;
  ks_u32 stream_ready;     /* who waits for the first metadata */
  ks_u32 stream_published; /* 0: it is not there yet */
  ks_u32 stream_metadata;  /* grpc_metadata_batch; begins with the 32 bits of which fields it has */
  /* grpc_metadata_batch */
  ks_u32 path_bit; /* the mask */
  ks_u32 path;     /* grpc_slice */
  ks_u32 reserved;
};
KS_STATIC_ASSERT(sizeof(struct ks_grpc_core_layout) == 72);

#endif
