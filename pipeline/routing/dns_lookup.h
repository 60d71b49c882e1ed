// The addresses of a name, by c-ares: with a deadline, and able to be interrupted, neither of which
// getaddrinfo() is.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "pipeline/base/error.h"

namespace kernspan {

struct DnsLookup {
  std::string hostname;
  std::string server = {};  // "host:port" of an address to ask; empty: /etc/resolv.conf's
  std::chrono::nanoseconds timeout;
  int stop_fd = -1;  // the lookup ends, with an error, when it becomes readable
};

// All addresses of IPv4 and IPv6, the latter in brackets, in no order; at least one. Looks into
// /etc/hosts first and follows the search domains, as the system's resolver does.
Result<std::vector<std::string>> look_up(const DnsLookup& lookup);

}  // namespace kernspan
