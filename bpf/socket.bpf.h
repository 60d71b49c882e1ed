/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * What the kernel's own structures say of a socket: kind, addresses, place in the TCP stream.
 */
#ifndef KERNSPAN_BPF_SOCKET_BPF_H
#define KERNSPAN_BPF_SOCKET_BPF_H

#include <bpf/bpf_helpers.h>

#include "bpf/abi/events.h"

enum {
  KS_AF_INET = 2,
  KS_AF_INET6 = 10,
  KS_SOCK_STREAM = 1,
  KS_IPPROTO_TCP = 6,
  KS_RCV_SHUTDOWN = 1,
  KS_SOCK_DONE = 1 << 1, /* include/net/sock.h, enum sock_flags: set when the FIN arrives */
};

static __always_inline bool ks_is_tcp(const struct sock* sk) {
  const ks_u16 family = sk->__sk_common.skc_family;
  return (family == KS_AF_INET || family == KS_AF_INET6) && sk->sk_protocol == KS_IPPROTO_TCP &&
         sk->sk_type == KS_SOCK_STREAM;
}

/* The sequence number of the transfer's first byte. */
static __always_inline ks_u32 ks_first_seq(const struct sock* sk, const struct tcp_sock* tcp,
                                           ks_u32 bytes, ks_u32 direction) {
  if (direction == KS_SEND) return tcp->write_seq - bytes;
  const ks_u32 copied = tcp->copied_seq;
  /* A read that reached the peer's FIN has counted it. A local shutdown(SHUT_RD) sets RCV_SHUTDOWN
   * as well, but not SOCK_DONE. */
  const bool has_fin = sk->sk_shutdown & KS_RCV_SHUTDOWN &&
                       sk->__sk_common.skc_flags & KS_SOCK_DONE && copied == tcp->rcv_nxt;
  return copied - bytes - (has_fin ? 1 : 0);
}

/* Whether the socket's stream begins here: `seq` is the first byte of its direction, and the other
 * direction has not been used by the program. An accepted socket has no storage when it is
 * established, so this is asked at its first transfer, of what TCP counts anyway. Acknowledgements
 * and segments may come in between the two loads of a pair: two tries. A wrong "no" costs little:
 * the socket is then treated as one that is older than the agent. */
static __always_inline bool ks_is_first_byte(const struct tcp_sock* tcp, ks_u32 seq,
                                             ks_u32 direction) {
  const ks_u32 sent = direction == KS_SEND ? seq : tcp->write_seq;
  const ks_u32 received = direction == KS_SEND ? tcp->copied_seq : seq;
  for (int i = 0; i < 2; i++) {
    if (sent == tcp->snd_una - (ks_u32)tcp->bytes_acked &&
        received == tcp->rcv_nxt - (ks_u32)tcp->bytes_received)
      return true;
  }
  return false;
}

static __always_inline void ks_set_addresses(struct ks_transfer_event* event,
                                             const struct sock* sk) {
  ks_u32* local = (ks_u32*)event->local_address;
  ks_u32* remote = (ks_u32*)event->remote_address;
  if (sk->__sk_common.skc_family == KS_AF_INET) {
    local[0] = local[1] = remote[0] = remote[1] = 0;
    local[2] = remote[2] = 0xffff0000; /* ::ffff:a.b.c.d */
    local[3] = sk->__sk_common.skc_rcv_saddr;
    remote[3] = sk->__sk_common.skc_daddr;
  } else {
    for (int i = 0; i < 4; i++) {
      local[i] = sk->__sk_common.skc_v6_rcv_saddr.in6_u.u6_addr32[i];
      remote[i] = sk->__sk_common.skc_v6_daddr.in6_u.u6_addr32[i];
    }
  }
  event->local_port = sk->__sk_common.skc_num;
  event->remote_port = __builtin_bswap16(sk->__sk_common.skc_dport);
}

#endif
