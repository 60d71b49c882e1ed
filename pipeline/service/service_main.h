#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "pipeline/component/registry.h"

namespace kernspan {

// A command-line flag of a daemon that does something else than run it (`--probe-report`).
struct DaemonFlag {
  std::string name;  // "--probe-report"
  std::string description;
  std::function<int()> run;  // its result is the exit code
};

struct DaemonSpec {
  std::string name;         // "kernspan-gateway"
  std::string description;  // one line, for --help
  Registry registry;
  std::vector<DaemonFlag> flags;
  // Freed memory at the heap's end that is not given back to the kernel, which would clear it page
  // by page when the next request comes. 0: as the C library has it.
  std::size_t idle_heap_bytes = 0;
};

// The main() of every daemon: --config SOURCE (repeatable; later ones override earlier ones),
// --strict, --skip-unbuilt, --validate, --drain-timeout, --version, --help. Runs until SIGTERM or SIGINT, then drains (10 s unless told
// otherwise; a second signal ends it at once) and prints the ledger on standard error.
// Exit codes: 0 stopped when told to; 1 the configuration is wrong or something could not be
// started; above 100 a wrong command line.
int run_daemon(int argc, char** argv, const DaemonSpec& spec);

}  // namespace kernspan
