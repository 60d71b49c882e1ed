/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * Which cgroup a process is in, for those that are gone when user space looks.
 */
#ifndef KERNSPAN_BPF_CGROUP_BPF_H
#define KERNSPAN_BPF_CGROUP_BPF_H

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#include "bpf/abi/events.h"
#include "bpf/core_fixes.bpf.h"

/* The controllers that are looked at: runtimes put a container into all that there are, nodes may lack
 * some. X(enumerator) */
#define KS_CONTROLLERS(X) X(memory_cgrp_id) X(pids_cgrp_id) X(cpu_cgrp_id) X(devices_cgrp_id)

/* The deeper one says more: on hybrid nodes services are in v2 cgroups, and containers in v1's. */
static __always_inline void ks_take_deeper(struct ks_cgroup* found, int* level,
                                           struct cgroup* cgroup) {
  if (!cgroup) return;
  const int deeper = cgroup->level;
  if (deeper <= *level) return;
  *level = deeper;
  found->id = cgroup->kn->id;
  found->hierarchy = cgroup->root->hierarchy_id;
}

static __always_inline void ks_cgroup_of(struct task_struct* task, struct ks_cgroup* found) {
  struct css_set* sets = task->cgroups;
  int level = -1;
  if (!sets) return;
#define KS_TAKE_CONTROLLERS(controller)                                       \
  if (bpf_core_enum_value_exists(enum cgroup_subsys_id, controller)) {        \
    struct cgroup_subsys_state* state =                                       \
        sets->subsys[bpf_core_enum_value(enum cgroup_subsys_id, controller)]; \
    if (state) ks_take_deeper(found, &level, state->cgroup);                  \
  }
  KS_CONTROLLERS(KS_TAKE_CONTROLLERS)
#undef KS_TAKE_CONTROLLERS
  ks_take_deeper(found, &level, sets->dfl_cgrp);
}

/* Whether the hierarchy is one that ks_cgroup_of() looks at. */
static __always_inline bool ks_is_followed(const struct cgroup_root* root) {
  ks_u32 followed = 0;
  if (root->hierarchy_id == 0) return true;
#define KS_FOLLOW(controller)                                        \
  if (bpf_core_enum_value_exists(enum cgroup_subsys_id, controller)) \
    followed |= 1U << bpf_core_enum_value(enum cgroup_subsys_id, controller);
  KS_CONTROLLERS(KS_FOLLOW)
#undef KS_FOLLOW
  return root->subsys_mask & followed;
}

/* Copies text of the kernel up to its NUL; bytes behind that are not those of the text and stay 0. */
static __always_inline void ks_copy_kernel_text(ks_u8* into, const char* text) {
  if (!bpf_ksym_exists(bpf_rdonly_cast)) {
    bpf_probe_read_kernel_str(into, KS_CGROUP_PATH_BYTES_MAX, text);
    return;
  }
  for (ks_u32 at = 0; at < KS_CGROUP_PATH_BYTES_MAX; at += sizeof(struct in6_addr)) {
    /* Text is no type that one can cast to: four words at a time. */
    const struct in6_addr* words =
        bpf_rdonly_cast(text + at, bpf_core_type_id_kernel(struct in6_addr));
    for (int i = 0; i < 4; i++) {
      ks_u32 word = words->in6_u.u6_addr32[i];
      /* The high bit of each byte that is 0, and of none before the first one. */
      const ks_u32 zeros = (word - 0x01010101U) & ~word & 0x80808080U;
      if (zeros) word &= ((zeros & -zeros) >> 7) - 1;
      *(ks_u32*)(into + at + 4 * i) = word;
      if (zeros) return;
    }
  }
}

#endif
