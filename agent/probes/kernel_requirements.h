// What this kernel lacks or forbids, said in words: for the error of an agent that cannot run.
#pragma once

#include <string>

namespace kernspan::probes {

// The active value of /sys/kernel/security/lockdown; "unknown" where securityfs is not mounted.
std::string read_lockdown();

// One line for each thing that every variant needs and that is not there; empty if nothing is known
// to be missing. Slow (it loads small programs): only after a failure.
std::string missing_requirements();

}  // namespace kernspan::probes
