/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Which connections are left out when the overhead is over its budget. Of all connections one in 2^step is
 * followed, whole. Which ones is decided by the client's address and port, which both ends of a connection see
 * alike, on one node or on two and through destination NAT: so both ends are followed or none, and what is followed
 * at one step is at all lower ones. Pure.
 *
 * The hash is the connection's randomness as OpenTelemetry has it (tracestate `ot=rv:`, 56 bits): a
 * connection is kept where R is at least the threshold of the probability 2^-step.
 * Spec: opentelemetry.io/docs/specs/otel/trace/tracestate-probability-sampling
 */
#ifndef KERNSPAN_BPF_ABI_SHED_H
#define KERNSPAN_BPF_ABI_SHED_H

#include "bpf/abi/events.h"

#define KS_SHED_INLINE static inline __attribute__((always_inline))

KS_SHED_INLINE ks_u64 ks_mix(ks_u64 word) {
  word ^= word >> 30;
  word *= 0xbf58476d1ce4e5b9ULL;
  word ^= word >> 27;
  word *= 0x94d049bb133111ebULL;
  return word ^ word >> 31;
}

/* 56 bits. The address as in ks_transfer_event, by words in network order; the port in host order. */
KS_SHED_INLINE ks_u64 ks_randomness(const ks_u32 address[4], ks_u16 port) {
  const ks_u64 high = (ks_u64)address[1] << 32 | address[0];
  const ks_u64 low = (ks_u64)address[3] << 32 | address[2];
  return ks_mix(ks_mix(ks_mix(high + 0x9e3779b97f4a7c15ULL) ^ low) + port) >> 8;
}

/* The least R that is kept. */
KS_SHED_INLINE ks_u64 ks_threshold(ks_u32 step) {
  return (1ULL << 56) - (1ULL << (56 - step));
}

#endif
