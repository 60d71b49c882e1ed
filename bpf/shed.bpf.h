/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Leaving connections out while the overhead is over its budget (bpf/abi/shed.h says which).
 *
 * A new connection is left out before its first byte is looked at. One that is followed already goes where it
 * hurts least: HTTP/1 between two messages; HTTP/2 at once, as its streams hardly ever pause all together. One that
 * comes back is like one that is older than the agent.
 */
#ifndef KERNSPAN_BPF_SHED_BPF_H
#define KERNSPAN_BPF_SHED_BPF_H

#include "bpf/abi/shed.h"
#include "bpf/maps.bpf.h"
#include "bpf/socket.bpf.h"

/* Written by user space; at most KS_SHED_STEP_MAX. */
volatile __u32 shed_step = 0;

/* The hook on connect() is attached: it has run. Else is_connector means nothing. */
volatile __u32 sees_connects = 0;

static __always_inline ks_u64 ks_socket_randomness(const struct sock* sk, bool client_is_local) {
  ks_u32 address[4] = {0, 0, 0xffff0000, 0}; /* ::ffff:a.b.c.d */
  if (sk->__sk_common.skc_family == KS_AF_INET) {
    address[3] = client_is_local ? sk->__sk_common.skc_rcv_saddr : sk->__sk_common.skc_daddr;
  } else {
    for (int i = 0; i < 4; i++) {
      address[i] = client_is_local ? sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i]
                                   : sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[i];
    }
  }
  const ks_u16 port =
      client_is_local ? sk->__sk_common.skc_num : __builtin_bswap16(sk->__sk_common.skc_dport);
  return ks_randomness(address, port);
}

/* Who is the client is known of sockets that were followed from their first byte, and once a message was seen. */
static __always_inline bool ks_find_randomness(const struct sock* sk, struct ks_socket* socket) {
  if (socket->has_randomness) return true;
  const bool knows_connector = socket->is_from_first && sees_connects;
  if (!knows_connector && socket->role == KS_ROLE_UNKNOWN) return false;
  const bool is_client = knows_connector ? socket->is_connector : socket->role == KS_ROLE_CLIENT;
  socket->randomness = ks_socket_randomness(sk, is_client);
  socket->has_randomness = 1;
  return true;
}

/* Whether the connection may be left out from this transfer on. */
static __always_inline bool ks_may_be_shed(const struct ks_socket* socket, ks_u32 direction) {
  if (socket->protocol == KS_PROTOCOL_UNKNOWN) return !socket->is_reported;
  if (socket->protocol == KS_PROTOCOL_HTTP2) return true;
  if (socket->protocol != KS_PROTOCOL_HTTP1) return false;
  const ks_u32 of_requests = socket->role == KS_ROLE_CLIENT ? KS_SEND : KS_RECV;
  return direction == of_requests && socket->messages[KS_SEND].phase == KS_PHASE_START &&
         socket->messages[KS_RECV].phase == KS_PHASE_START &&
         socket->methods_in == socket->methods_out;
}

static __always_inline void ks_tell_shed(const struct ks_socket* socket, ks_u32 step) {
  struct ks_shed_event* event = KS_RESERVE(ks_shed_event, KS_EVENT_SHED, KS_COUNT_RING_FULL_SHED);
  if (!event) return;
  const ks_u64 pid_tgid = bpf_get_current_pid_tgid();
  event->socket_cookie = socket->cookie;
  event->tgid = pid_tgid >> 32;
  event->tid = (ks_u32)pid_tgid;
  event->step = step;
  ks_submit(event);
}

/* The place in its messages is unknown. */
static __always_inline void ks_take_back(struct sock* sk, struct ks_socket* socket) {
  if (socket->protocol == KS_PROTOCOL_HTTP2) bpf_sk_storage_delete(&http2_sockets, sk);
  __builtin_memset(socket->messages, 0, sizeof socket->messages);
  socket->methods_in = socket->methods_out = 0;
  socket->protocol = KS_PROTOCOL_UNKNOWN;
  socket->role = KS_ROLE_UNKNOWN;
  socket->is_from_first = 0;
  socket->attempts = 0;
  socket->is_likely_http2 = 0;
  socket->was_switched = 0;
}

/* Whether the transfer is on a connection that is left out. */
static __always_inline bool ks_is_shed(struct sock* sk, struct ks_socket* socket,
                                       ks_u32 direction) {
  const ks_u32 step = shed_step & KS_SHED_STEP_MAX;
  if (!step && !socket->is_shed) return false;
  if (!ks_find_randomness(sk, socket)) return false;
  const bool is_kept = socket->randomness >= ks_threshold(step);
  if (socket->is_shed) {
    if (is_kept) {
      /* Of two directions at the same time one does it. */
      if (__sync_val_compare_and_swap(&socket->is_shed, 1, 0) == 1) ks_take_back(sk, socket);
      return false;
    }
  } else {
    if (is_kept || !ks_may_be_shed(socket, direction)) return false;
    if (__sync_val_compare_and_swap(&socket->is_shed, 0, 1) == 0) {
      ks_tell_shed(socket, step);
      socket->is_reported = 0;
    }
  }
  ks_count(KS_COUNT_SHED_TRANSFER);
  return true;
}

#endif
