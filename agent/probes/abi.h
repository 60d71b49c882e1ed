// The kernel side's ABI as C++ sees it, with the layout rules of both sides switched on.
#pragma once

#pragma GCC diagnostic push
#pragma GCC diagnostic error "-Wpadded"
#include "bpf/abi/counters.h"
#include "bpf/abi/events.h"
#include "bpf/abi/go_layout.h"
#include "bpf/abi/grpc_core_layout.h"
#include "bpf/abi/shed.h"
#pragma GCC diagnostic pop
