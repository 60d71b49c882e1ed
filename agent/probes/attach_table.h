// What is attached, as data: groups of hooks, each with its variants, best first. capture.cc tries
// them in this order; a new hook is a row here and a program in bpf/.
#pragma once

#include <array>
#include <span>
#include <string_view>

namespace kernspan::probes {

struct Variant {
  std::string_view name;
  std::span<const char* const> programs;  // of bpf/capture.bpf.c; all of them or none
  std::string_view needs;                 // for people
  // Only loaded; attached to executables as these turn up (grpc_go_attacher.h).
  bool is_attached_later = false;
};

struct Group {
  std::string_view name;
  std::string_view purpose;
  bool is_required;
  std::span<const Variant> variants;
};

// What takes all places of a program in one link; the other variant takes each place alone.
inline constexpr std::string_view kUprobeMultiVariant = "uprobe_multi";

namespace attach_table {

inline constexpr std::array kTracepointTransfer = {"tp_send", "tp_recv"};
inline constexpr std::array kFexitTransferSendpage = {"fexit_send", "fexit_recv", "fexit_sendpage"};
inline constexpr std::array kFexitTransfer = {"fexit_send", "fexit_recv"};
inline constexpr std::array kTransfer = {
    Variant{"tracepoint", kTracepointTransfer,
            "tracepoints sock_send_length and sock_recv_length (kernel 6.3)"},
    // Until kernel 6.5 sendfile does not pass tcp_sendmsg.
    Variant{"fexit_sendpage", kFexitTransferSendpage,
            "fexit on tcp_sendmsg, tcp_recvmsg and tcp_sendpage (no lockdown)"},
    Variant{"fexit", kFexitTransfer, "fexit on tcp_sendmsg and tcp_recvmsg (no lockdown)"},
};

inline constexpr std::array kTracepointState = {"tp_state"};
inline constexpr std::array kConnection = {
    Variant{"tracepoint", kTracepointState, "tracepoint inet_sock_set_state"},
};

inline constexpr std::array kTracepointProcess = {"tp_exec", "tp_fork", "tp_exit"};
inline constexpr std::array kProcess = {
    Variant{"tracepoint", kTracepointProcess,
            "tracepoints sched_process_exec, sched_process_fork and sched_process_exit"},
};

inline constexpr std::array kTracepointCgroup = {"tp_cgroup_make", "tp_cgroup_move"};
inline constexpr std::array kCgroups = {
    Variant{"tracepoint", kTracepointCgroup,
            "tracepoints cgroup_mkdir and cgroup_attach_task; bpf_rdonly_cast (kernel 6.2) or no "
            "lockdown"},
};

inline constexpr std::array kTracepointSwitch = {"tp_switch"};
inline constexpr std::array kTurns = {
    Variant{"tracepoint", kTracepointSwitch, "tracepoint sched_switch"},
};

inline constexpr std::array kMultiGrpcGo = {"go_new_stream_m", "go_handle_m", "number_sockets"};
inline constexpr std::array kUprobeGrpcGo = {"go_new_stream", "go_handle", "number_sockets"};
inline constexpr std::array kGrpcGo = {
    Variant{kUprobeMultiVariant, kMultiGrpcGo, "uprobes by BPF links (kernel 6.6)", true},
    Variant{
        "uprobe", kUprobeGrpcGo,
        "uprobes by perf events (newer kernels: CAP_SYS_ADMIN); bpf_rdonly_cast (kernel 6.2) or no "
        "lockdown",
        true},
};

inline constexpr std::array kMultiGrpcCore = {"core_encode_m", "core_metadata_m", "number_sockets"};
inline constexpr std::array kUprobeGrpcCore = {"core_encode", "core_metadata", "number_sockets"};
inline constexpr std::array kGrpcCore = {
    Variant{kUprobeMultiVariant, kMultiGrpcCore, "uprobes by BPF links (kernel 6.6)", true},
    Variant{
        "uprobe", kUprobeGrpcCore,
        "uprobes by perf events (newer kernels: CAP_SYS_ADMIN); bpf_rdonly_cast (kernel 6.2) or "
        "no lockdown",
        true},
};

}  // namespace attach_table

// What can be left out by its name.
inline constexpr std::string_view kGrpcGoGroup = "grpc_go";
inline constexpr std::string_view kGrpcCoreGroup = "grpc_core";

inline constexpr std::array kAttachTable = {
    Group{"transfer", "the heads of messages", true, attach_table::kTransfer},
    Group{"connection", "connects and closes", false, attach_table::kConnection},
    Group{"process", "starts and ends of programs", false, attach_table::kProcess},
    // Without it a container that was gone before anybody looked is not known.
    Group{"cgroups", "containers that start and processes that move there", false,
          attach_table::kCgroups},
    // Without it every sleep of a thread ends its turn (bpf/turns.bpf.h).
    Group{"turns", "when an event loop waits for events", false, attach_table::kTurns},
    Group{kGrpcGoGroup, "methods and goroutines of grpc-go calls", false, attach_table::kGrpcGo},
    Group{kGrpcCoreGroup, "methods on connections of C core older than the agent", false,
          attach_table::kGrpcCore},
};

}  // namespace kernspan::probes
