#pragma once

#include "pipeline/base/error.h"

struct capture_bpf;

namespace kernspan::probes {

// Gives all open TCP sockets the numbers that they are known by. Those that are younger than the capture have
// theirs from its first record of them; uprobes need those of the others. The skeleton has the program
// `number_sockets`. Takes milliseconds for each thousand open files of the node.
Status number_sockets(capture_bpf& skeleton);

}  // namespace kernspan::probes
