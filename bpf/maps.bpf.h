/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The maps, the settings and the loss ledger of the capture programs.
 */
#ifndef KERNSPAN_BPF_MAPS_BPF_H
#define KERNSPAN_BPF_MAPS_BPF_H

#include <bpf/bpf_helpers.h>

#include "bpf/abi/counters.h"
#include "bpf/abi/events.h"
#include "bpf/abi/go_layout.h"
#include "bpf/abi/grpc_core_layout.h"
#include "bpf/http2_state.h"
#include "bpf/http2_transfer.h"
#include "bpf/message_state.h"

enum {
  KS_RING_BYTES = 8 << 20,
  KS_IGNORED_PROCESSES_MAX = 16384,
  /* Segments that are at hand; a transfer may have more (KS_ARRAY_MAX). */
  KS_SEGMENTS_MAX = 8,
  KS_ARRAY_MAX = 1024, /* UIO_MAXIOV */
  /* Where the captured bytes stand in the window: behind the event that goes before them. */
  KS_DATA = sizeof(struct ks_transfer_event),
};

/* One scratch per program that may be preempted in the middle: see `scratch`. */
enum ks_scratch_slot {
  KS_SLOT_SEND,
  KS_SLOT_RECV,
  KS_SLOT_SENDPAGE,
  KS_SLOT_COUNT,
};

struct ks_segment {
  ks_u64 base;
  ks_u64 bytes;
};

/* The user memory that one transfer was copied from or to. */
struct ks_source {
  ks_u64 base;         /* where segment_count is 0 */
  ks_u64 array;        /* of all segments; those in segments[] are some that follow one another */
  ks_u64 first_offset; /* of the transfer's bytes the first in segments[], and behind the last */
  ks_u64 end_offset;
  ks_u32 array_count;
  ks_u32 first; /* which of the array segments[0] is */
  ks_u32 segment_count;
  ks_u32 reserved;
  struct ks_segment segments[KS_SEGMENTS_MAX];
  ks_u64 message[8]; /* struct mmsghdr as user space passed it */
};

struct ks_scratch {
  union {
    struct ks_transfer_event event;
    /* The event, then the captured bytes. While a head is scanned, the bytes that it had before
     * this transfer stand before KS_DATA; the event is written over them afterwards. HTTP/2 frame
     * headers are read into the end (KS_HTTP2_INPUT). Longer than any copy reaches, wherever in the first
     * KS_COPY_TO_MAX bytes it begins. */
    ks_u8 window[KS_HTTP2_INPUT + KS_CAPTURE_BYTES_MAX + KS_HTTP2_INPUT_BYTES];
  };
  struct ks_transfer_event fixed; /* what all records of the transfer have in common */
  struct ks_source source;
  struct ks_scan scan;
  struct ks_http2_walk http2;
  ks_u32 offset; /* of the transfer's bytes the first not dealt with */
  ks_u8 has_source;
  ks_u8 owes_record;     /* a record for this transfer must follow, with or without bytes */
  ks_u8 is_candidate;    /* the message began in the middle of a body: only if it is surely one */
  ks_u8 candidate_phase; /* what the phase was then */
};

/* Records to user space; the reader frees them in order. */
struct {
  __uint(type, BPF_MAP_TYPE_RINGBUF);
  __uint(max_entries, KS_RING_BYTES);
} events SEC(".maps");

struct ks_cpu_counters {
  ks_u64 values[KS_CPU_COUNTERS_MAX];
};
KS_STATIC_ASSERT(KS_COUNTER_COUNT <= KS_CPU_COUNTERS_MAX);

/* The loss ledger: a row per CPU, by enum ks_counter. User space maps it into its memory and reads
 * it without a system call. Sized before the load. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __uint(map_flags, BPF_F_MMAPABLE);
  __type(key, ks_u32);
  __type(value, struct ks_cpu_counters);
} counters SEC(".maps");

/* Protocol state per socket; the kernel frees it with the socket. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct ks_socket);
} sockets SEC(".maps");

/* Frame state of the sockets that speak HTTP/2; the kernel frees it with the socket. Apart, because it
 * is 20 times as large as that of the others. */
struct {
  __uint(type, BPF_MAP_TYPE_SK_STORAGE);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, int);
  __type(value, struct ks_http2_socket);
} http2_sockets SEC(".maps");

/* A socket's storage, made if need be. Both directions of a socket may come first at the same time, on two CPUs: one of
 * them makes the storage, and the kernel answers the other with nothing (EEXIST or EAGAIN inside). It is there when asked
 * for again. */
#define KS_MAKE_SOCKET_STORAGE(map, sk)                                             \
  ({                                                                                \
    void* made = bpf_sk_storage_get(&map, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);      \
    if (!made) made = bpf_sk_storage_get(&map, sk, 0, BPF_SK_STORAGE_GET_F_CREATE); \
    made;                                                                           \
  })

/* Working memory of one transfer, by enum ks_scratch_slot; its contents mean nothing between runs.
 * Tracepoint programs run with preemption off. fexit programs do not, but the kernel refuses to run
 * a program again on a CPU where it is already running (and counts that), and as each has its own
 * slot nothing else writes there. */
struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, KS_SLOT_COUNT);
  __type(key, ks_u32);
  __type(value, struct ks_scratch);
} scratch SEC(".maps");

/* Processes (tgid) that are not to be traced; user space adds, and removes when they end. */
struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, KS_IGNORED_PROCESSES_MAX);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, ks_u32);
  __type(value, ks_u8);
} process_policy SEC(".maps");

/* Executables with grpc-go, by the cookie of their uprobes; user space fills a slot before it attaches,
 * and uses it again when nothing is attached with it. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, KS_GO_LAYOUTS_MAX);
  __type(key, ks_u32);
  __type(value, struct ks_go_layout);
} go_layouts SEC(".maps");

/* The layouts of gRPC's C core (bpf/grpc_core.bpf.h), by the build's number. Written by user space. */
struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, KS_GRPC_CORE_LAYOUTS_MAX);
  __type(key, ks_u32);
  __type(value, struct ks_grpc_core_layout);
} core_layouts SEC(".maps");

/* The agent itself, never traced. */
const volatile __u32 agent_tgid = 0;

/* Atomic: an fexit program may be preempted by another one in the middle of an addition. */
static __always_inline void ks_count(ks_u32 counter) {
  ks_u32 cpu = bpf_get_smp_processor_id();
  struct ks_cpu_counters* row = bpf_map_lookup_elem(&counters, &cpu);
  if (row && counter < KS_COUNTER_COUNT) __sync_fetch_and_add(&row->values[counter], 1);
}

/* Room for one record of a fixed size, its header filled in; NULL (counted under `full`) when there
 * is none. */
#define KS_RESERVE(type, event_kind, full)                                        \
  ({                                                                              \
    struct type* reserved = bpf_ringbuf_reserve(&events, sizeof(struct type), 0); \
    if (reserved) {                                                               \
      __builtin_memset(reserved, 0, sizeof *reserved);                            \
      reserved->header.ts_ns = bpf_ktime_get_ns();                                \
      reserved->header.kind = event_kind;                                         \
      reserved->header.size = sizeof(struct type);                                \
    } else {                                                                      \
      ks_count(full);                                                             \
    }                                                                             \
    reserved;                                                                     \
  })

static __always_inline void ks_submit(void* event) {
  bpf_ringbuf_submit(event, BPF_RB_NO_WAKEUP);
  ks_count(KS_COUNT_SUBMITTED);
}

static __always_inline bool ks_policy_ignores(ks_u32 tgid) {
  return tgid == agent_tgid || bpf_map_lookup_elem(&process_policy, &tgid);
}

/* User space adds one after it has put a process into the policy. */
volatile __u32 policy_version = 0;

/* Whether the process is not to be traced. A socket that asks again for the same process and policy
 * is told no: it is given up as soon as the answer is yes. */
static __always_inline bool ks_is_ignored(struct ks_socket* socket, ks_u32 tgid) {
  const ks_u32 version = policy_version;
  if (socket->policy_tgid == tgid && socket->policy_version == version) return false;
  socket->policy_version = version;
  socket->policy_tgid = tgid;
  return ks_policy_ignores(tgid);
}

#endif
