/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * What differs between kernels and cannot be asked of a field's existence.
 */
#ifndef KERNSPAN_BPF_CORE_FIXES_BPF_H
#define KERNSPAN_BPF_CORE_FIXES_BPF_H

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

/* Since kernel 6.2 (a35b9af4ec2c "bpf: Add a kfunc for generic type cast"): reads what a plain address
 * points to as typed memory, also under lockdown. Before, only bpf_probe_read_kernel() can, which
 * lockdown forbids. Until kernel 6.1 is supported no more. */
extern void* bpf_rdonly_cast(const void* object, __u32 btf_id) __ksym __weak;

/* The pointer that stands at this kernel address; NULL where it cannot be read. */
static __always_inline void* ks_kernel_pointer_at(const void* address) {
  void* pointer = 0;
  if (bpf_ksym_exists(bpf_rdonly_cast)) {
    /* A pointer alone is no type that one can cast to. */
    struct list_head* cell = bpf_rdonly_cast(address, bpf_core_type_id_kernel(struct list_head));
    return cell->next;
  }
  bpf_probe_read_kernel(&pointer, sizeof pointer, address);
  return pointer;
}

/* Reads one field of the structure at a kernel address into a variable. */
#define KS_KERNEL_FIELD(into, type, address, field)                                \
  ({                                                                               \
    if (bpf_ksym_exists(bpf_rdonly_cast)) {                                        \
      const type* typed = bpf_rdonly_cast(address, bpf_core_type_id_kernel(type)); \
      into = typed->field;                                                         \
    } else {                                                                       \
      bpf_core_read(&into, sizeof into, &((const type*)(address))->field);         \
    }                                                                              \
  })

#endif
