/* SPDX-License-Identifier: GPL-2.0-only OR Apache-2.0
 *
 * The kernel types that the programs of bpf/ read, and of them only the fields that they read.
 *
 * How it was made: from `bpftool btf dump file /sys/kernel/btf/vmlinux format c` of a 6.18 kernel,
 * by keeping the types in use and deleting every other field. Offsets here mean nothing: with
 * preserve_access_index the compiler records field names, and libbpf puts in the offsets of the
 * running kernel when it loads the object (CO-RE). A field that a kernel lacks fails the load by
 * name, unless the program asks bpf_core_field_exists() first.
 */
#ifndef KERNSPAN_VMLINUX_H
#define KERNSPAN_VMLINUX_H

typedef signed char __s8;
typedef unsigned char __u8;
typedef short __s16;
typedef unsigned short __u16;
typedef int __s32;
typedef unsigned int __u32;
typedef long long __s64;
typedef unsigned long long __u64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u32 __wsum;
typedef _Bool bool;

enum {
  false = 0,
  true = 1,
};

/* linux/bpf.h: the values of the user API, which never change. */
enum bpf_map_type {
  BPF_MAP_TYPE_HASH = 1,
  BPF_MAP_TYPE_ARRAY = 2,
  BPF_MAP_TYPE_PERCPU_ARRAY = 6,
  BPF_MAP_TYPE_SK_STORAGE = 24,
  BPF_MAP_TYPE_RINGBUF = 27,
  BPF_MAP_TYPE_TASK_STORAGE = 29,
};

enum {
  BPF_F_NO_PREALLOC = 1,
  BPF_F_MMAPABLE = 1024,
};

enum {
  BPF_LOCAL_STORAGE_GET_F_CREATE = 1,
  BPF_SK_STORAGE_GET_F_CREATE = 1,
};

enum {
  BPF_RB_NO_WAKEUP = 1,
};

/* The order of a kernel's controllers is that of its configuration: the values are asked of it (CO-RE). */
enum cgroup_subsys_id {
  cpu_cgrp_id = 1,
  memory_cgrp_id = 4,
  devices_cgrp_id = 5,
  pids_cgrp_id = 11,
};

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)
#endif

typedef struct {
  int counter;
} atomic_t;

typedef struct {
  __s64 counter;
} atomic64_t;

struct list_head {
  struct list_head* next;
};

struct in6_addr {
  union {
    __u8 u6_addr8[16];
    __be32 u6_addr32[4];
  } in6_u;
};

struct sock_common {
  union {
    struct {
      __be32 skc_daddr;
      __be32 skc_rcv_saddr;
    };
  };
  union {
    struct {
      __be16 skc_dport;
      __u16 skc_num;
    };
  };
  short unsigned int skc_family;
  struct in6_addr skc_v6_daddr;
  struct in6_addr skc_v6_rcv_saddr;
  atomic64_t skc_cookie;
  union {
    long unsigned int skc_flags;
  };
};

struct sock {
  struct sock_common __sk_common;
  int sk_err;
  __u16 sk_protocol;
  __u16 sk_type;
  __u8 sk_shutdown;
};

struct tcp_sock {
  __u32 copied_seq;
  __u32 write_seq;
  __u32 rcv_nxt;
  __u32 snd_una;
  __u64 bytes_received;
  __u64 bytes_acked;
};

struct thread_info {
  __u32 status;
};

struct mm_struct {
  union {
    struct {
      long unsigned int arg_start;
      long unsigned int arg_end;
    };
  };
};

struct signal_struct {
  atomic_t live;
};

struct inode {
  short unsigned int i_mode;
};

struct file {
  void* private_data;
  struct inode* f_inode;
};

struct fdtable {
  unsigned int max_fds;
  struct file** fd;
};

struct files_struct {
  struct fdtable* fdt;
};

struct socket {
  struct sock* sk;
};

struct kernfs_node {
  __u64 id;
};

struct cgroup_root {
  unsigned int subsys_mask;
  int hierarchy_id;
};

struct cgroup {
  int level;
  struct kernfs_node* kn;
  struct cgroup_root* root;
};

struct cgroup_subsys_state {
  struct cgroup* cgroup;
};

struct css_set {
  struct cgroup_subsys_state* subsys[1];
  struct cgroup* dfl_cgrp;
};

struct task_struct {
  struct thread_info thread_info;
  unsigned int flags;
  struct mm_struct* mm;
  int pid;
  int tgid;
  struct task_struct* real_parent;
  long unsigned int nvcsw;
  struct files_struct* files;
  struct signal_struct* signal;
  struct css_set* cgroups;
};

struct pt_regs {
  long unsigned int r14;
  long unsigned int ax;
  long unsigned int cx;
  long unsigned int dx;
  long unsigned int si;
  long unsigned int di;
  long unsigned int orig_ax;
  long unsigned int ip;
};

struct bpf_iter__task_file {
  struct file* file;
};

struct linux_binprm;
struct msghdr;
struct page;

#ifndef BPF_NO_PRESERVE_ACCESS_INDEX
#pragma clang attribute pop
#endif

#endif
