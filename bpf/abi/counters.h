/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The kernel side's half of the loss ledger: one per-CPU counter for each thing that the hooks did
 * not send, or could not. X(enumerator, name): `name` is the value of the `reason` label in
 * /metrics. The books: every transfer on a followed socket is sent, is body (needs no record), or
 * is counted under one of the reasons.
 */
#ifndef KERNSPAN_BPF_ABI_COUNTERS_H
#define KERNSPAN_BPF_ABI_COUNTERS_H

#define KS_COUNTERS(X)                                                                                  \
  /* Records that were submitted to the ring. */                                                        \
  X(KS_COUNT_SUBMITTED, "submitted")                                                                    \
  /* Records for which the ring had no room. */                                                         \
  X(KS_COUNT_RING_FULL_TRANSFER, "ring_full_transfer")                                                  \
  X(KS_COUNT_RING_FULL_CONNECT, "ring_full_connect")                                                    \
  X(KS_COUNT_RING_FULL_CLOSE, "ring_full_close")                                                        \
  X(KS_COUNT_RING_FULL_PROCESS, "ring_full_process")                                                    \
  X(KS_COUNT_RING_FULL_CALL, "ring_full_grpc_call")                                                     \
  X(KS_COUNT_RING_FULL_SHED, "ring_full_shed")                                                          \
  /* Transfers on connections that are left out, as the overhead is over its budget. */                 \
  X(KS_COUNT_SHED_TRANSFER, "shed_transfer")                                                            \
  /* Transfers inside a message body, of which user space needs no record. */                           \
  X(KS_COUNT_BODY, "body")                                                                              \
  /* Receives with MSG_PEEK: the bytes come again. */                                                   \
  X(KS_COUNT_PEEK, "peek")                                                                              \
  /* Transfers whose buffer could not be found in the registers, by what made them. */                  \
  X(KS_COUNT_NO_BUFFER_IO_URING, "no_buffer_io_uring")                                                  \
  X(KS_COUNT_NO_BUFFER_MMSG_LATER, "no_buffer_mmsg_later")                                              \
  X(KS_COUNT_NO_BUFFER_SENDFILE, "no_buffer_sendfile")                                                  \
  X(KS_COUNT_NO_BUFFER_KERNEL, "no_buffer_kernel")                                                      \
  X(KS_COUNT_NO_BUFFER_SYSCALL, "no_buffer_unknown_syscall")                                            \
  /* bpf_probe_read_user() failed. */                                                                   \
  X(KS_COUNT_READ_FAILED, "user_read_failed")                                                           \
  /* Message heads of which less than the whole was captured. */                                        \
  X(KS_COUNT_HEAD_CUT, "head_cut")                                                                      \
  /* Transfers with more message starts than the hook walks. */                                         \
  X(KS_COUNT_TOO_MANY_PIECES, "too_many_pieces")                                                        \
  /* Transfers before which bytes went by unseen, as their sequence numbers say. */                     \
  X(KS_COUNT_SEQUENCE_GAP, "sequence_gap")                                                              \
  /* Sockets that showed no known protocol: given up for good. */                                       \
  X(KS_COUNT_GIVEN_UP, "socket_given_up")                                                               \
  /* Sockets of processes that are not to be traced. */                                                 \
  X(KS_COUNT_IGNORED, "process_ignored")                                                                \
  /* No memory for a socket's state. */                                                                 \
  X(KS_COUNT_NO_STORAGE, "no_socket_storage")                                                           \
  /* HTTP/2: places in the frames that were lost, as what stood there was no frame; transfers with \
   * more frames than the hook walks; transfers in which the place was still unknown. */    \
  X(KS_COUNT_HTTP2_BROKEN, "http2_frames_broken")                                                       \
  X(KS_COUNT_HTTP2_TOO_MANY_FRAMES, "http2_too_many_frames")                                            \
  X(KS_COUNT_HTTP2_NOT_FOUND, "http2_place_unknown")                                                    \
  /* HTTP/2 streams without a slot for the state of their messages, and those whose gRPC messages \
   * could not be followed to the end. */     \
  X(KS_COUNT_HTTP2_UNTRACKED, "http2_stream_untracked")                                                 \
  X(KS_COUNT_HTTP2_LOST_MESSAGES, "http2_messages_lost")                                                \
  /* gRPC calls of probed programs: on a connection that was not found among the program's sockets (a \
   * wrapped one, or one that has not been used yet); with a path longer than KS_GRPC_METHOD_BYTES_MAX. */ \
  X(KS_COUNT_CALL_NO_SOCKET, "grpc_call_socket_unknown")                                                \
  X(KS_COUNT_CALL_METHOD_CUT, "grpc_call_method_cut")                                                   \
  /* Runs that the kernel left out as a hook was hit while it ran on the same CPU; the kernel     \
   * counts these for each program, user space adds them up. */     \
  X(KS_COUNT_RUN_MISSED, "run_missed")                                                                  \
  /* Processes that should be ignored but for which the table had no room; counted by user space. \
   */     \
  X(KS_COUNT_POLICY_FULL, "process_policy_full")                                                        \
  /* Optional hooks that could not be attached; counted by user space. */                               \
  X(KS_COUNT_ATTACH_MISSED, "attach_missed")

enum ks_counter {
#define KS_COUNTER_ENUM(enumerator, name) enumerator,
  KS_COUNTERS(KS_COUNTER_ENUM)
#undef KS_COUNTER_ENUM
      KS_COUNTER_COUNT
};

/* Counters per row of the `counters` map, one row per CPU: four cache lines. */
enum {
  KS_CPU_COUNTERS_MAX = 32,
};

#endif
