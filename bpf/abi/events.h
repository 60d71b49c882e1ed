/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * What crosses the ring buffer: written by the programs of bpf/, read by agent/probes/.
 * The only other header that both sides include is counters.h. Fixed width, explicit padding
 * (-Wpadded), little endian as the machine has it, addresses in network order.
 *
 * A record is a header followed by the structure of its kind; a transfer is followed by
 * `captured_bytes` bytes of the traffic. Readers check `size` before they look at anything else.
 *
 * How a transfer becomes records. A transfer is the `ret > 0` bytes of one system call on one
 * socket. The kernel side sends *pieces* of it: the bytes that may be the head of a message. Bytes
 * between and behind the pieces are not sent; their number follows from the sequence numbers. All
 * pieces of one transfer carry the same `tcp_seq` and `transfer_bytes`; all but the last carry
 * KS_MORE_PIECES. A transfer whose bytes matter but whose contents do not (the end of a body) is
 * sent with no bytes. The kernel side guesses generously; what is a head is decided in user space.
 */
#ifndef KERNSPAN_BPF_ABI_EVENTS_H
#define KERNSPAN_BPF_ABI_EVENTS_H

#ifdef __cplusplus
#include <cstddef>
#include <cstdint>
typedef std::uint8_t ks_u8;
typedef std::uint16_t ks_u16;
typedef std::uint32_t ks_u32;
typedef std::int32_t ks_s32;
typedef std::uint64_t ks_u64;
#define KS_STATIC_ASSERT(what) static_assert(what, #what)
#else
typedef __u8 ks_u8;
typedef __u16 ks_u16;
typedef __u32 ks_u32;
typedef __s32 ks_s32;
typedef __u64 ks_u64;
#define KS_STATIC_ASSERT(what) _Static_assert(what, #what)
#endif

enum {
  /* The most head bytes that one record carries; longer heads take several records. */
  KS_CAPTURE_BYTES_MAX = 4096,
  /* The most head bytes of one message that are sent; what follows is cut (KS_HEAD_CUT). */
  KS_HEAD_BYTES_MAX = 65536,
  KS_TAIL_BYTES_MAX = 8,
  KS_COMM_BYTES = 16,
  KS_ARGS_BYTES_MAX = 256,
  /* Of a gRPC method's path, "/package.Service/Method"; longer ones are not sent. */
  KS_GRPC_METHOD_BYTES_MAX = 256,
  /* Of a cgroup's path; of longer ones the beginning is sent. A pod's container has 250 bytes, inside of another
   * container 350. */
  KS_CGROUP_PATH_BYTES_MAX = 512,
};

enum ks_event_kind {
  KS_EVENT_TRANSFER = 1,
  KS_EVENT_CONNECT = 2,
  KS_EVENT_CLOSE = 3,
  KS_EVENT_EXEC = 4,
  KS_EVENT_FORK = 5,
  KS_EVENT_EXIT = 6,
  KS_EVENT_GRPC_CALL = 7,
  KS_EVENT_CGROUP = 8,
  KS_EVENT_SHED = 9,
};

/* ts_ns: CLOCK_MONOTONIC. size: the whole record with this header, in bytes. */
struct ks_event_header {
  ks_u64 ts_ns;
  ks_u32 kind;
  ks_u32 size;
};

enum ks_direction {
  KS_SEND = 0,
  KS_RECV = 1,
};

enum ks_transfer_flags {
  /* The first captured byte looks like the start of a request or of a response. */
  KS_HEAD_START = 1 << 0,
  /* The blank line that ends the head is inside this piece (it is the piece's last bytes). */
  KS_HEAD_END = 1 << 1,
  /* Bytes of the head behind this piece were cut: capture limit, unreadable memory or no buffer. */
  KS_HEAD_CUT = 1 << 2,
  /* Another record of this same transfer follows. */
  KS_MORE_PIECES = 1 << 3,
  /* The socket was not followed from its first byte (older than the agent). */
  KS_MIDSTREAM = 1 << 4,
  /* The transfer begins with the first byte that this connection carried in this direction. */
  KS_STREAM_START = 1 << 6,
  /* A receive of 0 bytes: the peer has finished sending. transfer_bytes is 0. */
  KS_EOF = 1 << 5,
  /* The connection speaks HTTP/2: the captured bytes are items (http2_items.h), and `ordinal` stands
   * in the place of `piece_offset`. */
  KS_HTTP2 = 1 << 7,
};

enum {
  /* Above the flags: of how many connections this one was chosen, as a power of two (shed.h). */
  KS_SHED_STEP_SHIFT = 8,
  KS_SHED_STEP_MAX = 15,
};

/* One piece of one transfer; `captured_bytes` bytes of traffic follow the structure. */
struct ks_transfer_event {
  struct ks_event_header header;
  ks_u64 socket_cookie;
  /* The saved r14 of the calling thread: the current g where the program is a Go program. */
  ks_u64 goroutine;
  /* Changes whenever the thread has waited for events, or has read from a socket that is not followed. Equal
   * numbers: what came between was done in one go. */
  ks_u64 turn;
  ks_u32 tgid;
  ks_u32 tid;
  /* TCP sequence number of the first byte of the transfer: the same at both ends of the connection.
   */
  ks_u32 tcp_seq;
  ks_u32 transfer_bytes;
  union {
    /* Where in the transfer the first captured byte stands. */
    ks_u32 piece_offset;
    /* HTTP/2: how many records of this socket and direction there were before this one, those
     * included for which the ring had no room: a jump says that records were lost. */
    ks_u32 ordinal;
  };
  ks_u32 captured_bytes;
  /* IPv4 addresses are v4-mapped. Ports in host order. */
  ks_u8 local_address[16];
  ks_u8 remote_address[16];
  ks_u16 local_port;
  ks_u16 remote_port;
  ks_u16 flags;     /* enum ks_transfer_flags */
  ks_u8 direction;  /* enum ks_direction */
  ks_u8 tail_bytes; /* how many of tail[] are set */
  /* The last bytes of the transfer, for the end of a chunked body. */
  ks_u8 tail[KS_TAIL_BYTES_MAX];
};

/* A thread called connect(): what it is working on now is what the connection is for. */
struct ks_connect_event {
  struct ks_event_header header;
  ks_u64 socket_cookie;
  ks_u64 goroutine;
  ks_u64 turn;
  ks_u32 tgid;
  ks_u32 tid;
};

enum ks_close_stage {
  /* The local side will send no more (shutdown or close). */
  KS_CLOSE_WRITE = 1,
  /* The connection is over. */
  KS_CLOSE_FINAL = 2,
};

/* Only for sockets that carried a known protocol. */
struct ks_close_event {
  struct ks_event_header header;
  ks_u64 socket_cookie;
  ks_u32 stage;
  ks_s32 error; /* errno of the socket, e.g. ECONNRESET; 0: orderly */
};

/* One of the cgroups that a process is in: where controllers are on v1 hierarchies the deepest of
 * those, else its v2 cgroup. `id`: the inode of its directory, which is never used again while the
 * hierarchy is mounted; 0: not known. `hierarchy`: the number in /proc/<pid>/cgroup, 0 for v2. */
struct ks_cgroup {
  ks_u64 id;
  ks_u32 hierarchy;
  ks_u32 reserved;
};

/* A program was started. `args` are its first argument bytes, NUL-separated. */
struct ks_exec_event {
  struct ks_event_header header;
  ks_u32 tgid;
  ks_u32 parent_tgid;
  ks_u8 comm[KS_COMM_BYTES];
  ks_u32 args_bytes;
  ks_u32 reserved;
  ks_u8 args[KS_ARGS_BYTES_MAX];
  struct ks_cgroup cgroup;
};

/* A new process (not a thread). */
struct ks_fork_event {
  struct ks_event_header header;
  ks_u32 tgid;
  ks_u32 parent_tgid;
  struct ks_cgroup cgroup;
};

/* The last thread of a process is going. `cgroup`: where it was to the end. */
struct ks_exit_event {
  struct ks_event_header header;
  ks_u32 tgid;
  ks_u32 reserved;
  struct ks_cgroup cgroup;
};

/* A cgroup was made, or a process moved into it. Of the hierarchies that struct ks_cgroup is about. */
struct ks_cgroup_event {
  struct ks_event_header header;
  struct ks_cgroup cgroup;
  ks_u32 tgid; /* the process that was moved; 0: the cgroup was made */
  ks_u32 reserved;
  /* From the root of the hierarchy, ended by NUL unless it is longer. */
  ks_u8 path[KS_CGROUP_PATH_BYTES_MAX];
};

enum ks_grpc_role {
  KS_GRPC_CLIENT = 0, /* the goroutine has opened the stream */
  KS_GRPC_SERVER = 1, /* the goroutine begins to handle it */
};

/* What a program's own gRPC library said of a stream. May come before or after the record of the
 * stream's HEADERS, and twice. */
struct ks_grpc_call_event {
  struct ks_event_header header;
  ks_u64 socket_cookie;
  ks_u64 goroutine; /* as in struct ks_transfer_event */
  ks_u64 goroutine_id;
  ks_u64 parent_goroutine_id; /* of the one that started it; 0: not known */
  ks_u32 tgid;
  ks_u32 tid;
  ks_u32 stream;
  ks_u16 method_bytes; /* 0: the path is not known */
  ks_u8 role;          /* enum ks_grpc_role */
  ks_u8 reserved;
  ks_u8 method[KS_GRPC_METHOD_BYTES_MAX];
};

/* From now on the connection is left out, as the overhead is over its budget: sent once for each connection,
 * whatever it carries. */
struct ks_shed_event {
  struct ks_event_header header;
  ks_u64 socket_cookie;
  ks_u32 tgid; /* of who used it */
  ks_u32 tid;
  ks_u32 step; /* one connection in 2^step is kept */
  ks_u32 reserved;
};

KS_STATIC_ASSERT(sizeof(struct ks_event_header) == 16);
KS_STATIC_ASSERT(sizeof(struct ks_transfer_event) == 112);
KS_STATIC_ASSERT(sizeof(struct ks_connect_event) == 48);
KS_STATIC_ASSERT(sizeof(struct ks_close_event) == 32);
KS_STATIC_ASSERT(sizeof(struct ks_shed_event) == 40);
KS_STATIC_ASSERT(sizeof(struct ks_cgroup) == 16);
KS_STATIC_ASSERT(sizeof(struct ks_exec_event) == 320);
KS_STATIC_ASSERT(sizeof(struct ks_fork_event) == 40);
KS_STATIC_ASSERT(sizeof(struct ks_exit_event) == 40);
KS_STATIC_ASSERT(sizeof(struct ks_cgroup_event) == 40 + KS_CGROUP_PATH_BYTES_MAX);
KS_STATIC_ASSERT(sizeof(struct ks_grpc_call_event) == 64 + KS_GRPC_METHOD_BYTES_MAX);

#endif
