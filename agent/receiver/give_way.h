// The thread that reads the ring shares its processor with the programs that it traces.
#pragma once

#include "pipeline/base/error.h"

namespace kernspan {

// Makes the calling thread give way to them: it preempts nobody when it wakes up (SCHED_BATCH), and whoever
// wakes up while it runs preempts it (a slice longer than theirs; before Linux 6.12 without effect). Its share of the
// processor stays what it was, so that a full machine does not starve it. A policy that the operator chose
// (chrt) is left alone. An error is sched_setattr(2)'s: the thread goes on as it was.
Status give_way();

}  // namespace kernspan
